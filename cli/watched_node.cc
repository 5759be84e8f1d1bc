#include "cli/watched_node.h"

#include "core/environment.h"
#include "modes/place.h"

namespace corun::cli {

Result<Node> open_watched_node(const NodeChoice& choice, Console& console) {
  using Kind = NodeChoice::Kind;
  if (choice.kind == Kind::kReal || environment(kEnvSimNode)) return Node::open(choice);
  if (choice.kind == Kind::kAuto) {
    if (auto real = Node::open({Kind::kReal, choice.profile})) return real;
  }
  CORUN_ASSIGN(const modes::Place place, modes::Place::of_profile(choice.profile));
  if (const auto held = place.held()) {
    name_node(held->sim_node, held->driver_dir);
    name_daemon(held->daemon_dir());
  } else {
    console.err << "corun: no simulated GPU is in use: this is an idle one of its own; start "
                   "'corun run' first to see its workloads\n";
  }
  return Node::open({Kind::kSimulated, choice.profile});
}

}  // namespace corun::cli
