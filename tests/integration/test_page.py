# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser: values, chart, alerts, token, and what happens when the gateway goes away."""
import json
import os
import unittest
import urllib.error
import urllib.request

import browser
from browser import Browser
from harness import PATIENCE, GatewayTest, free_port, main

RULE = {"name": "overheat", "sensor": "room/*", "high": {"warning": 75, "critical": 90}, "hysteresis": 2}
CONTRAST = """(() => {
  const parse = (c) => { const [r, g, b, a = 1] = c.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
                         return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !e.checkVisibility() || e.closest('button:disabled, .unseen, .skip, script, noscript')) continue;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize), [a, b] = [light(parse(style.color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < (size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5)) bad.push(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
  }
  return [...new Set(bad)];
})()"""
# What the keyboard should reach, in the order of the page, and what it is on: both as text.
NAMED = "const named = (e) => `${e.tagName} ${(e.id || e.getAttribute('aria-label') || e.getAttribute('href') || e.textContent).trim()}`;"
REACHABLE = f"""(() => {{ {NAMED}
  return [...document.querySelectorAll('a[href], button:enabled, input, select, [tabindex="0"]')].filter((e) => e.checkVisibility()).map(named); }})()"""
FOCUSED = f"""(() => {{ {NAMED}
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  if (e === document.body || e.id === 'main') return null;
  const seen = e.matches(':focus-visible') && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  const inside = box.width > 1 && box.left >= 0 && box.right <= innerWidth && box.bottom > 0 && box.top < innerHeight;
  return [named(e), seen, inside, !!e.closest('dialog')]; }})()"""
NEEDS = "needs chromium (apt-get install chromium), or CHROMIUM with the path of one"


@unittest.skipUnless(browser.CHROMIUM, NEEDS)
class Page(GatewayTest):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        super().setUp()
        self.port = free_port()  # and so an origin of its own, with its own storage
        self.path_of_room, self.room = self.file_source("room", every="100ms")
        self.browser.open("about:blank")
        self.browser.wait("an empty page", "location.href === 'about:blank'")
        self.browser.look(1280, 800)
        self.browser.errors.clear()
        self.browser.events.clear()

    def start(self, sources=None, rules=(RULE,), listen="127.0.0.1", **http):
        gateway = self.gateway(sources or [self.room], rules, start=False)
        with open(gateway.config_path, encoding="utf-8") as f:
            text = f.read().replace("http: off\n", f"http: {json.dumps({'listen': f'{listen}:{self.port}', **http})}\n")
        with open(gateway.config_path, "w", encoding="utf-8") as f:
            f.write(text)
        return gateway.start()

    def open(self, view="#/"):
        self.browser.open(f"http://127.0.0.1:{self.port}/{view}")

    def wait_text(self, text, selector="main"):
        self.browser.wait(f"'{text}' on the page", f"(document.querySelector({json.dumps(selector)})?.innerText ?? '').includes({json.dumps(text)})")

    def check_quiet(self, *statuses):
        """Nothing was refused by the policy and nothing was thrown. Chromium reports each answer with a status as an error of its
        own; with 503 a gateway that was too slow asks to be asked again."""
        self.assertEqual([e for e in self.browser.errors if not any(f"status of {s} " in e for s in (503, *statuses))], [])

    def test_values_are_shown_and_follow(self):
        self.write(self.path_of_room, 21.5)
        gateway = self.start()
        self.open()
        self.wait_text("21.5")
        self.wait_text("°C")
        self.wait_text("live", "#link")
        self.write(self.path_of_room, 23.25)
        self.wait_text("23.25")
        self.browser.wait("a spark line", "document.querySelector('.spark path').getAttribute('d')?.includes('L')")
        self.browser.type("#filter", "nothing like it")
        self.wait_text("0 of 1 sensor")
        self.check_quiet()
        gateway.stop()  # with the page's stream open

    def test_a_bad_reading_says_why(self):
        self.room["sensors"][0]["max"] = 100
        self.start()
        self.open()
        self.wait_text("20")
        self.write(self.path_of_room, 5000)
        self.wait_text("out of range")
        self.check_quiet()

    def test_a_chart_draws_and_zooms(self):
        gateway = self.start()
        self.wait_for("some history", lambda: gateway.count() > 20)
        self.open("#/sensor/room%2Ft")
        self.browser.wait("points", "Number(document.querySelector('.plot')?.dataset.points) > 10")
        drawn = """(() => { const c = document.querySelector('.plot canvas'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
                   let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()"""
        self.browser.wait("something drawn", f"{drawn} > 100")
        self.wait_text("overheat")
        self.wait_text("above 75 warning, above 90 critical")
        self.browser.wait("an hour, for there is no more yet", "document.querySelector('.ranges [aria-pressed=true]')?.innerText === '1 h'")
        self.browser.focus(".plot")
        for _ in range(3):
            self.browser.key("+")
        self.browser.wait("a window of its own", "document.querySelector('.ranges [aria-pressed=true]') === null")
        self.browser.wait("points of the window", "Number(document.querySelector('.plot').dataset.points) > 0")
        self.browser.click(".ranges .now")
        self.check_quiet()

    def test_an_alert_appears_and_is_acknowledged(self):
        gateway = self.start()
        self.open()
        self.wait_text("20")
        self.assertTrue(self.browser.run("document.getElementById('alert-count').hidden"))
        self.write(self.path_of_room, 81)
        self.wait_text("room/t", ".alert.warning")
        self.wait_text("81", ".alert.warning .why")
        self.browser.wait("its row", "!!document.querySelector('tr.warning')")
        self.wait_text("warning alert raised: room/t", "#announce")
        self.assertTrue(self.browser.run("document.title").startswith("(1) "))
        self.browser.click(".alert .actions button")
        self.browser.type("#ask-who", "Ada")
        self.browser.click("dialog button.primary")
        self.wait_text("acknowledged by Ada", ".alert")
        self.wait_for("it is stored", lambda: gateway.value("SELECT state FROM active_alerts") == "acknowledged")
        self.browser.wait("the dialog has gone", "!document.getElementById('dialog').open")
        self.write(self.path_of_room, 20)
        self.browser.wait("it is over", "!document.querySelector('.alert')")
        self.open("#/alerts")
        self.wait_text("Nothing is wrong right now.")
        self.wait_text("overheat", ".list")
        self.check_quiet()

    def test_health_shows_sources(self):
        dead = {"name": "dead", "driver": "modbus", "address": "127.0.0.1:1", "every": "1s",
                "devices": [{"name": "gone", "unit_id": 1, "sensors": [{"name": "x", "holding": 0}]}]}
        self.start([self.room, dead])
        self.open("#/health")
        self.wait_text("cannot be opened")
        self.wait_text("Memory")
        self.wait_text("/ s", ".figures")
        self.wait_text("Broker\nnone", ".figures")
        self.check_quiet()

    def test_units_are_called_as_in_the_configuration(self):
        sim = self.simulator("--tcp", "0")
        bus = {"name": "plant", "driver": "modbus", "address": f"127.0.0.1:{sim.served['tcp']}", "every": "200ms",
               "devices": [{"name": "boiler", "unit_id": 1, "sensors": [{"name": "x", "holding": 1000}]}]}
        self.start([self.room, bus])
        self.open("#/health")
        self.wait_text("boiler 1", "tbody th")
        self.check_quiet()

    def test_an_expression_says_what_it_is_and_is_drawn(self):
        self.start(rules=({"name": "warm", "expression": "room/t > 10 and room/t < 1000"},))
        self.open()
        self.wait_text("room/t > 10 and room/t < 1000", ".alert .why")
        self.browser.focus(".sensors a")
        self.open("#/sensor/room%2Ft")
        self.wait_text("warm", ".rules")
        self.check_quiet()

    def test_the_keyboard_stays_where_it_is_when_alerts_change(self):
        self.start(rules=(RULE, {"name": "warm", "sensor": "room/*", "high": {"warning": 30}}))
        self.open("#/alerts")
        self.write(self.path_of_room, 40)
        self.wait_text("warm", ".alert")
        self.browser.focus(".alert .actions button:last-child")
        self.write(self.path_of_room, 81)
        self.browser.wait("another alert", "document.querySelectorAll('.alert').length === 2")
        self.assertEqual(self.browser.run("document.activeElement.getAttribute('aria-label')"), "Shelve room/t warm")
        self.browser.run("document.activeElement.click()")
        self.wait_text("Shelve", "dialog")
        self.write(self.path_of_room, 60)
        self.browser.wait("one alert again", "document.querySelectorAll('.alert').length === 1")
        self.browser.key("Escape")
        self.browser.wait("the question has gone", "!document.getElementById('dialog').open")
        self.browser.wait("back on the button, which was made anew",
                          "document.activeElement.getAttribute('aria-label') === 'Shelve room/t warm'")
        self.check_quiet()

    def test_text_can_be_read(self):
        """Contrast as in WCAG 2.2, level AA, of every text against the ground that it stands on."""
        self.room["sensors"].append({"name": "gone", "path": self.path("none"), "unit": "°C"})
        self.start(rules=(RULE, {"name": "warm", "sensor": "room/*", "high": {"critical": 30}}))
        self.write(self.path_of_room, 81)
        for scheme in ("light", "dark"):
            self.browser.look(1280, 800, scheme)
            for view, there in (("#/", ".alert.critical"), ("#/sensor/room%2Ft", ".rules li"), ("#/alerts", ".alert.warning"),
                                ("#/health", ".figure")):
                self.open(view)
                self.browser.wait(there, f"!!document.querySelector({json.dumps(there)})")
                self.wait_text("live", "#link")
                self.assertEqual(self.browser.run(CONTRAST), [], f"{view} {scheme}")

    def test_a_token_is_asked_for_and_kept_for_the_tab(self):
        token = self.path("token")
        self.write(token, "s3cret")
        os.chmod(token, 0o600)
        self.start(listen="0.0.0.0", token_file=token)
        self.open()
        self.wait_text("wants a token", "dialog")
        self.browser.type("#ask-token", "wrong")
        self.browser.click("dialog button.primary")
        self.wait_text("the token is missing or wrong", "dialog")
        self.browser.run("document.querySelector('#ask-token').value = ''")
        self.browser.type("#ask-token", "s3cret")
        self.browser.click("dialog button.primary")
        self.wait_text("20")
        self.wait_text("live", "#link")
        self.browser.run("window.isOld = true")
        self.browser.call("Page.reload")
        self.browser.wait("another page", "!window.isOld && document.readyState === 'complete'")
        self.wait_text("20")
        self.assertFalse(self.browser.run("document.getElementById('dialog').open"))
        self.check_quiet(401)

    def test_a_gateway_that_is_gone_is_waited_for(self):
        gateway = self.start()
        self.open()
        self.wait_text("20")
        gateway.stop()
        self.wait_text("does not answer", "#banner")
        self.wait_text("20")  # what was known stays
        gateway.start()
        self.browser.wait("it is back", "document.querySelector('#link').innerText === 'live' && document.querySelector('#banner').hidden")
        self.write(self.path_of_room, 25)
        self.wait_text("25")

    def walk(self, most=60):
        """Presses Tab until the page is through; what each press came to. Each must be seen, where it can be seen."""
        names = []
        for _ in range(most):
            self.browser.key("Tab")
            focused = self.browser.run(FOCUSED)
            if not focused or names[:1] == focused[:1]:  # some rounds lead through the browser's own
                return names
            name, seen, inside, _ = focused
            self.assertTrue(seen and inside, f"{name}: focus is not seen, or not on the screen")
            names.append(name)
        self.fail(f"Tab goes on for ever: {names}")

    def test_the_keyboard_reaches_everything(self):
        self.start()
        self.write(self.path_of_room, 81)
        for size in ((1280, 800), (390, 844)):
            self.browser.look(*size)
            # "Now" can be pressed until the chart is there, and when it shows another time.
            for view, there in (("#/", ".alert"), ("#/sensor/room%2Ft", "body:has(.rules li) .now:disabled"), ("#/alerts", ".alert"),
                                ("#/health", ".figure")):
                with self.subTest(f"{view} {size}"):
                    self.browser.open("about:blank")
                    self.open(view)
                    self.browser.wait(there, f"!!document.querySelector({json.dumps(there)})")
                    self.wait_text("live", "#link")
                    self.browser.wait("nothing more to come", "!document.querySelector('.waiting')")
                    self.assertEqual(self.walk(), self.browser.run(REACHABLE))

    def test_a_question_keeps_the_keyboard_and_gives_it_back(self):
        self.start()
        self.write(self.path_of_room, 81)
        self.open("#/alerts")
        self.browser.wait("an alert", "!!document.querySelector('.alert .actions button')")
        for verb, fields in (("Acknowledge", ["INPUT ask-who", "INPUT ask-comment"]), ("Shelve", ["SELECT ask-for", "INPUT ask-who", "INPUT ask-comment"])):
            opener = f"{verb} room/t overheat"
            self.browser.focus(f'[aria-label="{opener}"]')
            self.browser.key("Enter")
            self.browser.wait("the question", "document.getElementById('dialog').open")
            came_to = []
            for _ in range(3 * (len(fields) + 2)):
                focused = self.browser.run(FOCUSED)
                if focused:  # between two rounds the browser has it
                    self.assertTrue(focused[3], f"{focused[0]} is outside")
                    came_to.append(focused[0])
                self.browser.key("Tab")
            self.assertEqual(came_to[:len(fields) + 2], [*fields, "BUTTON Cancel", f"BUTTON {verb}"])
            while not self.browser.run(FOCUSED):
                self.browser.key("Tab")
            self.browser.key("Escape")
            self.browser.wait("it has gone", "!document.getElementById('dialog').open")
            self.browser.wait("it is back where it was",
                              f"document.activeElement.getAttribute('aria-label') === {json.dumps(opener)}")
        self.check_quiet()

    def test_a_page_that_is_left_gives_its_stream_back(self):
        """Browsers keep pages for the way back, and have six connections to a host."""
        self.start()
        for _ in range(8):
            self.open("#/sensor/room%2Ft")
            self.wait_text("overheat", ".rules")
            self.browser.open("about:blank")
            self.browser.wait("an empty page", "location.href === 'about:blank'")
        self.check_quiet()

    def test_when_all_streams_are_taken_values_come_now_and_then(self):
        self.start()
        self.open()
        self.wait_text("live", "#link")
        self.browser.open("about:blank")
        streams = []

        def are_taken():
            try:
                while True:
                    streams.append(urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/events", timeout=PATIENCE))
            except urllib.error.HTTPError as e:
                with e:
                    return e.code == 503 and len(streams) == 12
        self.wait_for("all streams", are_taken)
        self.open()
        self.wait_text("Too many windows follow this gateway", "#banner")
        self.wait_text("20")
        self.write(self.path_of_room, 25)
        self.wait_text("25")
        for stream in streams:
            stream.close()
        self.check_quiet()

    def test_no_sensors_is_no_error(self):
        broker = self.broker()
        self.room = {"name": "garden", "driver": "mqtt", "topic": "garden/+/t", "sensors": [{"name": "{1}/t", "value": ""}]}
        gateway = self.gateway([self.room], broker=broker, start=False)
        with open(gateway.config_path, encoding="utf-8") as f:
            text = f.read().replace("http: off\n", f"http: {{listen: \"127.0.0.1:{self.port}\"}}\n")
        with open(gateway.config_path, "w", encoding="utf-8") as f:
            f.write(text)
        gateway.start()
        self.open()
        self.wait_text("No sensors yet")
        self.wait_for("connected", lambda: "connected" in gateway.process.output())

        def shown():
            broker.publish("garden/1/t", "7")
            return "7" in self.browser.text(".panels") and "garden/1" in self.browser.text(".panels")
        self.wait_for("a sensor that was heard", shown)
        self.check_quiet()

    def test_hundreds_of_sensors_on_a_phone(self):
        self.write(self.path("many.txt"), 1)
        many = {"name": "many", "driver": "file", "every": "1s", "sensors": [
            {"name": f"group{i // 20}/s{i}", "path": self.path("many.txt")} for i in range(400)]}
        self.start([many], rules=())
        self.browser.look(390, 844)
        self.open()
        self.browser.wait("all rows", "document.querySelectorAll('.sensors tbody tr').length === 400")
        self.browser.wait("no wider than the phone", "document.documentElement.scrollWidth <= 390")
        self.browser.type("#filter", "s399")
        self.wait_text("1 of 400 sensors")
        self.check_quiet()


if __name__ == "__main__":
    main()
