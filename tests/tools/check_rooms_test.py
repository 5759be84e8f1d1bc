"""tools/check_rooms.py finds violations that are planted in a small tree."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_rooms  # noqa: E402

TABLE = "core:\ngpu: core\nsimgpu: core\nworkloads/synthetic: gpu core\n"


class CheckRooms(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("tools/rooms.txt", TABLE)
        self.write("core/clock.h", "#pragma once\n#include <vector>\n")
        self.write("core/CMakeLists.txt", "corun_room(core LIBS fmt::fmt)\n")
        self.write("gpu/device.cc", '#include "gpu/device.h"\n#include "core/clock.h"\n')
        self.write("gpu/CMakeLists.txt", "corun_room(gpu DEPS core)\n")

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def assert_error(self, *parts):
        errors = check_rooms.check(self.root)
        self.assertEqual(len(errors), 1, errors)
        for part in parts:
            self.assertIn(part, errors[0])

    def test_a_clean_tree_has_no_errors(self):
        self.assertEqual(check_rooms.check(self.root), [])

    def test_an_include_against_the_table_is_named_with_its_line(self):
        self.write("core/clock.cc", '#include "core/clock.h"\n#include "gpu/device.h"\n')
        self.assert_error("core/clock.cc:2", "core may not include gpu")

    def test_nobody_may_include_the_simulated_gpu(self):
        self.write("gpu/sim.cc", '#include "simgpu/engine.h"\n')
        self.assert_error("gpu/sim.cc:1", "gpu may not include simgpu")

    def test_a_room_below_a_folder_is_told_from_its_neighbours(self):
        self.write("workloads/synthetic/a.cc", '#include "core/clock.h"\n')
        self.write("workloads/synthetic/CMakeLists.txt",
                   "corun_room(workloads/synthetic DEPS gpu core)\n")
        self.assertEqual(check_rooms.check(self.root), [])
        self.write("workloads/other/a.cc", "")
        self.assert_error("workloads/other/a.cc", "lies in no room")

    def test_a_link_against_the_table_is_found(self):
        self.write("core/CMakeLists.txt", "corun_room(core DEPS gpu)\n")
        self.assert_error("core/CMakeLists.txt", "links gpu")

    def test_a_link_by_target_name_is_found(self):
        self.write("core/CMakeLists.txt",
                   "corun_room(core)\ntarget_link_libraries(corun_core PUBLIC corun_gpu)\n")
        self.assert_error("core/CMakeLists.txt", "links gpu")

    def test_a_link_in_a_comment_does_not_count(self):
        self.write("core/CMakeLists.txt", "corun_room(core)\n# corun_room(core DEPS gpu)\n")
        self.assertEqual(check_rooms.check(self.root), [])

    def test_a_part_of_a_room_counts_as_its_room(self):
        self.write("gpu/CMakeLists.txt", "corun_room(gpu DEPS gpu/driver core)\n")
        self.write("gpu/driver/CMakeLists.txt", "corun_room(gpu/driver DEPS core)\n")
        self.assertEqual(check_rooms.check(self.root), [])
        self.write("gpu/driver/CMakeLists.txt", "corun_room(gpu/driver DEPS simgpu/engine)\n")
        self.assert_error("gpu/driver/CMakeLists.txt", "links simgpu")

    def test_an_include_without_a_link_is_found(self):
        self.write("gpu/CMakeLists.txt", "corun_room(gpu)\n")
        self.assert_error("gpu/device.cc:2", "DEPS do not link it")

    def test_an_include_without_a_room_is_found(self):
        self.write("gpu/device.cc", '#include "device.h"\n')
        self.assert_error("gpu/device.cc:1", 'include as "room/file.h"')

    def test_a_room_in_angle_brackets_is_found(self):
        self.write("gpu/device.cc", "#include <core/clock.h>\n")
        self.assert_error("gpu/device.cc:1", 'write #include "core/clock.h"')

    def test_a_cycle_in_the_table_is_found(self):
        self.write("tools/rooms.txt", "core: gpu\ngpu: core\n")
        self.assert_error("reaches itself")

    def test_a_room_that_only_others_name_is_found(self):
        self.write("tools/rooms.txt", "core:\ngpu: core modes\n")
        self.assert_error("gpu may include modes")


if __name__ == "__main__":
    unittest.main()
