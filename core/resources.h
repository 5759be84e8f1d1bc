// What a process may ask the system for.
#pragma once

namespace corun {

/// As many descriptors as the system lets this process have, for a server's connections say.
void allow_many_descriptors();

}  // namespace corun
