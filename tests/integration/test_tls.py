# SPDX-License-Identifier: Apache-2.0
"""Brokers that are not open to everybody: TLS with and without our own certificate, and passwords."""
import os
import re
import subprocess

from harness import GatewayTest, free_port, main


class Tls(GatewayTest):
    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=self.folder)

    def authority(self, name):
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                     "-keyout", f"{name}.key", "-out", f"{name}.crt")

    def certificate(self, name, authority, alternative):
        self.write(self.path(f"{name}.ext"), f"subjectAltName={alternative}")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                     "-out", f"{name}.csr")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key",
                     "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt")
        os.chmod(self.path(f"{name}.key"), 0o644)  # the broker may run as a user of its own

    def tls_broker(self, server, *more):
        """A broker with a second listener, for TLS: (broker, port of that)."""
        port = free_port()
        lines = [f"listener {port} 127.0.0.1", f"certfile {self.path(server)}.crt", f"keyfile {self.path(server)}.key",
                 *more]
        return self.broker(extra="\n".join(lines)), port

    def start(self, **mqtt):
        _, source = self.file_source(value="42")
        return self.gateway([source], mqtt={"publish_readings": "changes", **mqtt},
                            http={"listen": f"127.0.0.1:{free_port()}"})

    def arrives(self, broker):
        watcher = self.subscribe(broker, "sensorgw/#")
        self.wait_for("a reading", lambda: any(t.endswith("/readings/room/t") for t, _ in watcher.messages
                                               + watcher.retained))

    def test_both_sides_show_a_certificate(self):
        self.authority("ca")
        self.certificate("server", "ca", "IP:127.0.0.1")
        self.certificate("client", "ca", "DNS:gateway")
        broker, port = self.tls_broker("server", f"cafile {self.path('ca.crt')}", "require_certificate true",
                                       "use_identity_as_username true")
        gateway = self.start(url=f"mqtts://127.0.0.1:{port}", ca_file=self.path("ca.crt"),
                             cert_file=self.path("client.crt"), key_file=self.path("client.key"))
        self.arrives(broker)
        gateway.stop()

    def refused(self, url, why, **mqtt):
        gateway = self.start(url=url, **mqtt)
        self.wait_for("the refusal is logged", lambda: re.search(f"cannot connect to {url}: .*{why}",
                                                                 gateway.process.output()))
        self.wait_for("readings are stored all the same", lambda: gateway.count() > 5)
        self.assertRegex(gateway.cli("health"), why)
        self.assertNotIn("mqtt: connected", gateway.process.output())
        self.assertNotIn("\\x0a", gateway.process.output())
        gateway.stop(within=20)

    def test_a_certificate_for_another_host_is_refused(self):
        self.authority("ca")
        self.certificate("server", "ca", "DNS:elsewhere.example")
        _, port = self.tls_broker("server", "allow_anonymous true")
        self.refused(f"mqtts://127.0.0.1:{port}", "certificate is for another host", ca_file=self.path("ca.crt"))

    def test_a_certificate_of_an_unknown_authority_is_refused(self):
        self.authority("ca")
        self.authority("other")
        self.certificate("server", "other", "IP:127.0.0.1")
        _, port = self.tls_broker("server", "allow_anonymous true")
        self.refused(f"mqtts://127.0.0.1:{port}", "issuer is not known here", ca_file=self.path("ca.crt"))

    def test_a_ca_file_that_holds_no_certificate_is_named(self):
        self.write(self.path("ca.crt"), "not PEM")
        self.refused(f"mqtts://127.0.0.1:{free_port()}", "mqtt.ca_file cannot be used", ca_file=self.path("ca.crt"))

    def test_tls_on_one_side_only_is_told(self):
        self.authority("ca")
        self.certificate("server", "ca", "IP:127.0.0.1")
        broker, port = self.tls_broker("server", "allow_anonymous true")
        self.refused(f"mqtt://127.0.0.1:{port}", "the other side speaks TLS")
        self.refused(f"mqtts://127.0.0.1:{broker.port}", "the other side speaks no TLS")

    def test_a_password_from_a_file(self):
        port = free_port()
        subprocess.run(["mosquitto_passwd", "-b", "-c", self.path("users"), "pi", "s3cret"], check=True,
                       capture_output=True)
        os.chmod(self.path("users"), 0o644)
        broker = self.broker(extra=f"listener {port} 127.0.0.1\nallow_anonymous false\n"
                                   f"password_file {self.path('users')}")
        self.write(self.path("password"), "wrong")
        os.chmod(self.path("password"), 0o600)
        gateway = self.start(url=f"mqtt://127.0.0.1:{port}", username="pi", password_file=self.path("password"))
        self.wait_for("the refusal is logged", lambda: "bad user name or password" in gateway.process.output()
                      or "not authorized" in gateway.process.output())
        self.assertIn("mqtt.password_file", gateway.process.output())
        self.assertIn("mqtt.password_file", gateway.cli("health"))
        gateway.stop()
        self.write(self.path("password"), "s3cret")
        os.chmod(self.path("password"), 0o600)
        gateway.start()
        self.arrives(broker)
        self.assertNotIn("s3cret", gateway.process.output())
        gateway.stop()


if __name__ == "__main__":
    main()
