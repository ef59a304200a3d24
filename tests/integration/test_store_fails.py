# SPDX-License-Identifier: Apache-2.0
"""A database that cannot be written for a while: alerts go on, nothing is lost uncounted, storing resumes by itself.

A limit on file sizes, set from outside, lets the gateway's writes fail as those to a full disk do."""
import resource

from harness import GatewayTest, main

HOT = {"name": "hot", "sensor": "room/t", "high": {"warning": 75}}


class StoreFails(GatewayTest):
    def limit(self, gateway, size):
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def test_alerts_go_on_and_storing_resumes(self):
        broker = self.broker()
        subscriber = self.subscribe(broker, "sensorgw/+/alerts/#")
        path, source = self.file_source(every="20ms")
        gateway = self.gateway([source], [HOT], broker)
        self.wait_for("readings", lambda: gateway.count() > 20)
        self.limit(gateway, 4096)
        before = gateway.process.output().count("error")
        self.wait_for("a commit that fails", lambda: gateway.process.output().count("error") > before)
        rows = gateway.count()
        self.write(path, "80")
        alert = self.wait_for("the alert, although it cannot be stored", subscriber.alerts)[0]
        self.assertEqual((alert["state"], alert["value"], alert["durable"]), ("raised", 80, False))
        self.assertEqual(gateway.count(), rows)
        self.limit(gateway, resource.RLIM_INFINITY)
        self.wait_for("storing resumes", lambda: gateway.count() > rows + 50)
        self.wait_for("the alert is stored after all", lambda: gateway.rows(
            "SELECT state, value FROM alert") == [("raised", 80)])
        self.wait_for("and published once more", lambda: len(subscriber.alerts()) >= 2)
        self.assertEqual(len({a["id"] for a in subscriber.alerts()}), 1)
        self.check_books(gateway, gateway.stop())

    def test_it_ends_in_time_while_nothing_can_be_written_and_counts_what_was_lost(self):
        _, source = self.file_source(every="20ms")
        gateway = self.gateway([source])
        self.wait_for("readings", lambda: gateway.count() > 20)
        self.limit(gateway, 4096)
        before = gateway.process.output().count("error")
        self.wait_for("a commit that fails", lambda: gateway.process.output().count("error") > before)
        # The summary is small enough to be written under the limit.
        summary = gateway.stop(within=20)
        self.assertGreater(summary["dropped"]["store_failed"], 0)
        self.check_books(gateway, summary)


if __name__ == "__main__":
    main()
