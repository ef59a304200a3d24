# SPDX-License-Identifier: Apache-2.0
"""How fast the page is there, what it weighs, and how long a chart of one sensor's year takes on a database with ten
million readings. Needs chromium. Arguments: the build folder, and optionally how many readings."""
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/release")
READINGS = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000_000
os.environ["SENSORGW"] = os.path.join(BUILD, "gateway/sensorgw")
sys.path.insert(0, os.path.join(ROOT, "tests/integration"))
import browser  # noqa: E402  (found through the path above)
from processes import Gateway, free_port, wait_for  # noqa: E402

SENSORS = 100
YEAR = 365 * 86400
TRIES = 7


def fill(path):
    """A year of SENSORS sensors: evenly spread readings, with their minutes and hours."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = OFF")
    ids = [row[0] for row in db.execute("SELECT id FROM sensor ORDER BY id")]
    count = READINGS // len(ids)
    every = YEAR * 1_000_000 // count
    start = int(time.time() - YEAR) * 1_000_000
    db.execute("CREATE TEMP TABLE wanted (id INTEGER)")
    db.executemany("INSERT INTO wanted VALUES (?)", [(i,) for i in ids])
    db.execute("""WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
                  INSERT OR IGNORE INTO reading (time, sensor_id, value, quality)
                  SELECT ? + i * ?, id, 20.0 + (i * 37 + id * 11) % 500 / 50.0, 0 FROM n, wanted""", (count, start, every))
    db.execute("""INSERT OR IGNORE INTO reading_minute (minute, sensor_id, min, max, sum, count, bad)
                  SELECT time / 60000000 * 60000000 AS m, sensor_id, min(value), max(value),
                  sum(value), count(value), sum(value IS NULL) FROM reading GROUP BY m, sensor_id""")
    db.execute("""INSERT OR IGNORE INTO reading_hour (sensor_id, hour, min, max, sum, count, bad)
                  SELECT sensor_id, minute / 3600000000 * 3600000000 AS h, min(min), max(max),
                  sum(sum), sum(count), sum(bad) FROM reading_minute GROUP BY sensor_id, h""")
    db.commit()
    rows = db.execute("SELECT count(*) FROM reading").fetchone()[0]
    db.close()
    return rows


def start_gateway(folder):
    value = os.path.join(folder, "value")
    with open(value, "w", encoding="ascii") as f:
        f.write("21.5\n")
    port = free_port()
    sensors = [{"name": f"device{i // 10}/s{i}", "path": value, "unit": "°C"} for i in range(SENSORS)]
    config = {"gateway": {"name": "bench", "log": {"level": "error"}},
              "storage": {"path": os.path.join(folder, "b.db"), "retention": {"raw": "2y", "minute": "2y"}},
              "http": {"listen": f"127.0.0.1:{port}"},
              "sources": [{"name": "bench", "driver": "file", "every": "1s", "sensors": sensors}],
              "rules": [{"name": "hot", "sensor": "*/s5", "high": {"warning": 75}}]}
    return Gateway(folder, config, "b"), port


def measure_page(tab, url):
    """Milliseconds from the navigation to the first paint and to the first values, and bytes on the wire."""
    tab.call("Network.clearBrowserCache")
    tab.open("about:blank")
    tab.wait("blank", "location.href === 'about:blank'")
    tab.events.clear()
    tab.open(url)
    tab.wait("sparks", "document.querySelectorAll('.sensors tbody tr').length > 0 && "
             "document.querySelector('.sensors .value').innerText !== '–'")
    values = tab.run("performance.now()")
    paint = tab.wait("paint", "performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
    wait_for("the spark lines", lambda: any(m == "Network.responseReceived" and "sparks" in p["response"]["url"] for m, p in tab.events))
    time.sleep(0.3)
    sent = sum(p["encodedDataLength"] for m, p in list(tab.events) if m == "Network.loadingFinished")
    return paint, values, sent


def measure_chart(tab, url):
    """Milliseconds from choosing a year to the drawn chart, and of the request alone."""
    tab.open(url + "#/sensor/" + "bench%2Fdevice3%2Fs35")
    tab.wait("a chart", "Number(document.querySelector('.plot')?.dataset.points) >= 0")
    took = []
    for _ in range(TRIES):
        tab.run("document.querySelectorAll('.ranges button')[0].click()")
        time.sleep(0.6)
        took.append(tab.run("""new Promise((done) => {
            const plot = document.querySelector('.plot'), start = performance.now();
            new MutationObserver((_, observer) => { observer.disconnect();
                requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start))); })
              .observe(plot, {attributes: true, attributeFilter: ['data-points']});
            plot.removeAttribute('data-points');
            document.querySelectorAll('.ranges button')[5].click(); })"""))
        tab.wait("drawn", "Number(document.querySelector('.plot').dataset.points) > 300")
    return took


def ask(url):
    started = time.monotonic()
    with urllib.request.urlopen(url) as response:
        points = len(json.load(response)["points"])
    return (time.monotonic() - started) * 1000, points


def answers(url):
    try:
        return ask(url + "api/v1/sensors/none/readings") is None
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def show(what, numbers, unit, goal):
    print(f"  {what:<46} {statistics.median(numbers):8.1f} {unit:<3} (best {min(numbers):.1f}, worst {max(numbers):.1f})   {goal}")


def main():
    if not browser.CHROMIUM:
        print("bench_page needs chromium: apt-get install chromium")
        return
    with tempfile.TemporaryDirectory(prefix="sensorgw-bench-") as folder:
        gateway, port = start_gateway(folder)
        gateway.start()
        wait_for("sensors in the database", lambda: gateway.value("SELECT count(*) FROM sensor_latest") == SENSORS)
        gateway.stop()
        started = time.monotonic()
        rows = fill(gateway.database)
        print(f"page: {SENSORS} sensors, {rows:,} readings over a year, {os.path.getsize(gateway.database) / 1e6:,.0f} MB "
              f"(made in {time.monotonic() - started:.0f} s)")
        gateway.start()
        url = f"http://127.0.0.1:{port}/"
        path = f"{url}api/v1/sensors/bench%2Fdevice3%2Fs35/readings?since=365d&points=1200"
        wait_for("the server", lambda: answers(url))
        replies = [ask(path) for _ in range(TRIES)]
        tab = browser.Browser()
        try:
            tab.look(1280, 800)
            pages = [measure_page(tab, url) for _ in range(TRIES)]
            charts = measure_chart(tab, url)
        finally:
            tab.close()
        gateway.stop()
    show("first paint", [p[0] for p in pages], "ms", "wanted: 300")
    show("first values shown", [p[1] for p in pages], "ms", "")
    show("bytes in all, cache empty", [p[2] / 1000 for p in pages], "kB", "wanted: 400")
    show(f"a year from the API ({replies[0][1]} points)", [r[0] for r in replies], "ms", "")
    show("a year chosen until it is drawn", charts, "ms", "wanted: 300")


if __name__ == "__main__":
    main()
