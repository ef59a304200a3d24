# SPDX-License-Identifier: Apache-2.0
"""The demo's own promise: values from all four drivers, and alerts that come back through the broker."""
import os
import re
import signal
import sys

from harness import HERE, PATIENCE, GatewayTest, Process, main

DEMO = os.path.join(os.path.dirname(os.path.dirname(HERE)), "script", "demo.py")


class Demo(GatewayTest):
    def demo(self, *options):
        return self.kept(Process([sys.executable, DEMO, "--dir", self.path("demo"), *options], self.path("demo.log")))

    def test_it_ends_by_itself_with_a_summary(self):
        demo = self.demo("--seconds", "16")
        self.assertEqual(demo.wait(16 + 2 * PATIENCE), 0, demo.output())
        text = demo.output()
        for source in ("plant", "rs485", "scale", "greenhouse", "pi"):
            self.assertRegex(text, rf"(?m)^ +{source} +\d+ +[1-9]\d* ")
        accepted, stored, dropped = map(int, re.search(r"accepted (\d+) = stored (\d+) \+ dropped (\d+)", text).groups())
        self.assertEqual(accepted, stored + dropped)
        self.assertTrue(os.path.exists(self.path("demo/demo.db")))
        self.assertNotIn("\033", text)

    def test_values_and_alerts_come_and_ctrl_c_cleans_up(self):
        demo = self.demo()
        for state in ("raised", "escalated", "cleared"):
            self.wait_for(state, lambda s=state: re.search(rf"ALERT +{s} ", demo.output()))
        for sensor in ("boiler/flow_temp", "tank/level", "scale/weight", r"\S+/humidity", "pi/cpu_temp"):
            self.wait_for(f"values of {sensor}", lambda s=sensor: re.search(rf"(?m)^ +{s} +-?\d", demo.output()))
        demo.signal(signal.SIGINT)
        self.assertEqual(demo.wait(), 0, demo.output())
        self.assertIn("database kept", demo.output())
        left = [pid for pid in os.listdir("/proc") if pid.isdigit() and self.folder in self.command_line(pid)]
        self.assertEqual(left, [])

    @staticmethod
    def command_line(pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                return f.read().decode("utf-8", "replace")
        except OSError:
            return ""


if __name__ == "__main__":
    main()
