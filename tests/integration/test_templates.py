# SPDX-License-Identifier: Apache-2.0
"""Each template that comes with the program, against a simulated device whose registers are filled by pymodbus.

MANUALS says where each device has what, written down a second time from its public register map: table, first address,
how the value lies there, and what one unit of it is in the template's unit. Every sensor gets a value of its own, so a
wrong address, type, order or scale shows.
"""
import math
import pathlib
import re

import yaml
from harness import HERE, GatewayTest, main
from pymodbus.constants import Endian
from pymodbus.payload import BinaryPayloadBuilder

TEMPLATES = pathlib.Path(HERE).parent.parent / "config" / "templates"
PHASES = ("l1", "l2", "l3")


def per_phase(name, first, step=2):
    return {f"{name}_{phase}": first + step * i for i, phase in enumerate(PHASES)}


def fields(table, kind, unit, places):
    return {name: (table, address, kind, unit) for name, address in places.items()}


def eastron(places):
    return fields("input", "float", 1, places)


EASTRON_PHASES = {**per_phase("voltage", 0), **per_phase("current", 6), **per_phase("power", 12),
                  **per_phase("apparent_power", 18), **per_phase("reactive_power", 24), **per_phase("power_factor", 30)}
EASTRON_TOTALS = {"power": 52, "apparent_power": 56, "reactive_power": 60, "power_factor": 62, "frequency": 70,
                  "energy_import": 72, "energy_export": 74, "voltage_l1_l2": 200, "voltage_l2_l3": 202,
                  "voltage_l3_l1": 204, "current_neutral": 224, "energy_total": 342, "reactive_energy_total": 344}


def sunspec(model, names):
    """Models begin at 40000 with 'SunS'; model 1 has 2 + 66 registers, so the inverter's begins at 40070."""
    at = {"current": 2, "current_l1": 4, "current_l2": 6, "current_l3": 8, "voltage_l1_l2": 10, "voltage_l2_l3": 12,
          "voltage_l3_l1": 14, "voltage_l1": 16, "voltage_l2": 18, "voltage_l3": 20, "power": 22, "frequency": 24,
          "apparent_power": 26, "reactive_power": 28, "power_factor": 30, "energy": 32, "dc_current": 34,
          "dc_voltage": 36, "dc_power": 38, "temperature_cabinet": 40, "temperature_heatsink": 42}
    floats = fields("holding", "float", 1, {n: 40070 + at[n] for n in names or at})
    return {**floats, "sunspec_id": ("holding", 40000, "uint32", 1, int.from_bytes(b"SunS", "big")),
            "model_common": ("holding", 40002, "uint16", 1, 1), "model_inverter": ("holding", 40070, "uint16", 1, model),
            "state": ("holding", 40118, "uint16", 1, 4), "events": ("holding", 40120, "uint32", 1)}


INT_PHASES = {101: PHASES[:1], 102: PHASES[:2], 103: PHASES}
# Place of each scale factor in the model → its value here, and what it is of: place, kind.
SUNSPEC_FACTORS = {
    6: (-2, {"current": (2, "uint16"), **{f"current_{p}": (3 + i, "uint16") for i, p in enumerate(PHASES)}}),
    13: (-1, {"voltage_l1_l2": (7, "uint16"), "voltage_l2_l3": (8, "uint16"), "voltage_l3_l1": (9, "uint16"),
              **{f"voltage_{p}": (10 + i, "uint16") for i, p in enumerate(PHASES)}}),
    15: (1, {"power": (14, "int16")}), 17: (-3, {"frequency": (16, "uint16")}), 19: (2, {"apparent_power": (18, "int16")}),
    21: (0, {"reactive_power": (20, "int16")}), 23: (-2, {"power_factor": (22, "int16")}), 26: (3, {"energy": (24, "uint32")}),
    28: (-4, {"dc_current": (27, "uint16")}), 30: (-1, {"dc_voltage": (29, "uint16")}), 32: (1, {"dc_power": (31, "int16")}),
    37: (-1, {"temperature_cabinet": (33, "int16"), "temperature_heatsink": (34, "int16")})}


def sunspec_integers(model, base):
    """The names of phases that the model does not have are left out."""
    phases = INT_PHASES[model]
    fits = lambda name: all(p in phases for p in name.split("_") if p in PHASES) and (  # noqa: E731
        model != 101 or not name.startswith("current_"))
    scaled = {name: ("holding", base + place, kind, 10.0 ** factor) for factor, names in SUNSPEC_FACTORS.values()
              for name, (place, kind) in names.items() if fits(name)}
    return {**scaled, "sunspec_id": ("holding", 40000, "uint32", 1, int.from_bytes(b"SunS", "big")),
            "model_common": ("holding", 40002, "uint16", 1, 1), "model_inverter": ("holding", base, "uint16", 1, model),
            "state": ("holding", base + 38, "uint16", 1, 4), "events": ("holding", base + 40, "uint32", 1)}


INTEGERS = {f"sunspec-{model}{suffix}": (model, base) for model in INT_PHASES for suffix, base in (("", 40070), ("-65", 40069))}


def numbered(name, table, count, kind, unit):
    return fields(table, kind, unit, {f"{name}_{i + 1}": i for i in range(count)})


RELAYS = numbered("relay", "coil", 8, "bit", 1)
MANUALS = {
    "sdm120": eastron({"voltage": 0, "current": 6, "power": 12, "apparent_power": 18, "reactive_power": 24,
                       "power_factor": 30, "frequency": 70, "energy_import": 72, "energy_export": 74,
                       "reactive_energy_import": 76, "reactive_energy_export": 78, "energy_total": 342,
                       "reactive_energy_total": 344}),
    "sdm630": eastron({**EASTRON_PHASES, **EASTRON_TOTALS, "voltage_mean": 42, "current_mean": 46, "current_sum": 48,
                       "reactive_energy_import": 76, "reactive_energy_export": 78, "power_demand": 84,
                       "power_demand_max": 86, **per_phase("thd_voltage", 234), **per_phase("thd_current", 240),
                       **per_phase("energy_import", 346), **per_phase("energy_export", 352)}),
    "sdm72": eastron({n: EASTRON_TOTALS[n] for n in ("power", "energy_import", "energy_export", "energy_total")}),
    "sdm72-v2": eastron({**EASTRON_PHASES, **EASTRON_TOTALS}),
    "pzem-016": {"voltage": ("input", 0, "uint16", 0.1), "current": ("input", 1, "uint32 low first", 0.001),
                 "power": ("input", 3, "uint32 low first", 0.1), "energy": ("input", 5, "uint32 low first", 1),
                 "frequency": ("input", 7, "uint16", 0.1), "power_factor": ("input", 8, "uint16", 0.01),
                 "alarm": ("input", 9, "flag", 1)},
    "pzem-017": {"voltage": ("input", 0, "uint16", 0.01), "current": ("input", 1, "uint16", 0.01),
                 "power": ("input", 2, "uint32 low first", 0.1), "energy": ("input", 4, "uint32 low first", 1),
                 "alarm_high_voltage": ("input", 6, "flag", 1), "alarm_low_voltage": ("input", 7, "flag", 1)},
    "xy-md02": {"temperature": ("input", 1, "int16", 0.1, -15.5), "humidity": ("input", 2, "uint16", 0.1, 61.5)},
    "relay-8": RELAYS,
    "relay-8-inputs": {**RELAYS, **numbered("input", "discrete", 8, "bit", 1)},
    "r4dcb08": {**numbered("temperature", "holding", 8, "int16", 0.1),
                "temperature_8": ("holding", 7, "uint16", 1, 0x8000, "invalid")},
    "analog-8": numbered("input", "input", 8, "uint16", 0.001),
    "sunspec-111": sunspec(111, ("current", "voltage_l1", "power", "frequency", "apparent_power", "reactive_power",
                                 "power_factor", "energy", "dc_current", "dc_voltage", "dc_power",
                                 "temperature_cabinet", "temperature_heatsink")),
    "sunspec-113": sunspec(113, None),
    **{name: sunspec_integers(*where) for name, where in INTEGERS.items()},
    "abb-b2x": {**fields("holding", "uint64", 0.01, {"energy_import": 0x5000, "energy_export": 0x5004}),
                "energy_net": ("holding", 0x5008, "int64", 0.01, -5.25),
                **fields("holding", "uint32", 0.1, {**per_phase("voltage", 0x5B00), "voltage_l1_l2": 0x5B06,
                                                    "voltage_l3_l2": 0x5B08, "voltage_l1_l3": 0x5B0A}),
                **fields("holding", "uint32", 0.01, {**per_phase("current", 0x5B0C), "current_neutral": 0x5B12}),
                **fields("holding", "int32", 0.01, {"power": 0x5B14, **per_phase("power", 0x5B16),
                                                    "reactive_power": 0x5B1C, "apparent_power": 0x5B24}),
                "frequency": ("holding", 0x5B2C, "uint16", 0.01), "power_factor": ("holding", 0x5B3A, "int16", 0.001)},
    "iem3000": {**fields("holding", "float", 1, {  # the manual counts registers from 1
                    **per_phase("current", 2999), "current_mean": 3009, "voltage_l1_l2": 3019, "voltage_l2_l3": 3021,
                    "voltage_l3_l1": 3023, **per_phase("voltage", 3027), **per_phase("power", 3053), "power": 3059,
                    "reactive_power": 3067, "apparent_power": 3075, "frequency": 3109}),
                **fields("holding", "int64", 1, {"energy_import": 3203, "energy_export": 3207})},
    "em340": {**fields("input", "int32 low first", 0.1, {
                  **per_phase("voltage", 0), "voltage_l1_l2": 6, "voltage_l2_l3": 8, "voltage_l3_l1": 10,
                  **per_phase("power", 0x12), "power": 0x28, "apparent_power": 0x2A, "reactive_power": 0x2C,
                  "energy_import": 0x34, "reactive_energy_import": 0x36, "energy_export": 0x4E}),
              **fields("input", "int32 low first", 0.001, per_phase("current", 0xC)),
              "power_factor": ("input", 0x31, "int16", 0.001), "frequency": ("input", 0x33, "int16", 0.1)},
}


def registers(kind, raw):
    """The registers of a raw value, by pymodbus."""
    order = Endian.Little if kind.endswith("low first") else Endian.Big
    builder = BinaryPayloadBuilder(byteorder=Endian.Big, wordorder=order)
    add = {"float": builder.add_32bit_float, "uint16": builder.add_16bit_uint, "int16": builder.add_16bit_int,
           "uint32": builder.add_32bit_uint, "int32": builder.add_32bit_int, "uint64": builder.add_64bit_uint,
           "int64": builder.add_64bit_int}[kind.split()[0]]
    add(raw)
    return builder.to_registers()


class Case:
    """One device: what its sensors must say, and its registers as lines for the simulator."""

    def __init__(self, template, unit):
        self.expected, self.map = {}, []
        for i, (sensor, place) in enumerate(MANUALS[template].items()):
            table, address, kind, scale, *given = place
            quality = given[1] if len(given) > 1 else "good"
            if kind in ("bit", "flag"):
                value = (unit + i) // 2 % 2
                words = [value * (0xFFFF if kind == "flag" else 1)]
            else:
                value = given[0] if given else self.some_value(unit, i, kind, scale)
                words = registers(kind, value if kind == "float" else round(value / scale))
            self.expected[sensor] = (None if quality != "good" else value, quality)
            self.map += [f"{unit} {table} {address + k} {word}\n" for k, word in enumerate(words)]
        for place, (factor, _) in SUNSPEC_FACTORS.items() if template in INTEGERS else ():
            self.map.append(f"{unit} holding {INTEGERS[template][1] + place} {registers('int16', factor)[0]}\n")

    @staticmethod
    def some_value(unit, i, kind, scale):
        if kind == "float":
            return unit * 1000 + i * 1.25
        large = 100000 if re.match("u?int(32|64)", kind) else 0  # beyond one register
        sign = -1 if kind.startswith("int") and i % 2 else 1
        return sign * (large + unit * 100 + i + 1) * scale


class Templates(GatewayTest):
    def serve(self, cases):
        with open(self.path("map"), "w", encoding="utf-8") as f:
            f.writelines(line for case in cases for line in case.map)
        return f"127.0.0.1:{self.simulator('--tcp', '0', '--map', self.path('map')).served['tcp']}"

    def source(self, address, devices):
        return {"name": "bus", "driver": "modbus", "address": address, "every": "200ms", "timeout": "10s", "devices": devices}

    def check_values(self, gateway, expected):
        def differing():
            latest = {name: (value, quality) for name, value, quality in
                      gateway.rows("SELECT sensor, value, quality FROM latest")}
            wrong = {}
            for name, (value, quality) in expected.items():
                have = latest.get(name)
                close = have and have[1] == quality and (
                    have[0] is None if value is None else have[0] is not None and
                    math.isclose(have[0], value, rel_tol=1e-6, abs_tol=1e-9))
                if not close:
                    wrong[name] = (have, (value, quality))
            return wrong
        try:
            self.wait_for("the values", lambda: not differing())
        except AssertionError:
            self.fail(f"sensor: (is, should be): {differing()}")

    def test_every_template_is_in_the_table_and_every_sensor_of_it(self):
        shipped = {}
        for path in sorted(TEMPLATES.glob("*.yaml")):
            shipped.update(yaml.safe_load(path.read_text(encoding="utf-8")))
        self.assertEqual(sorted(shipped), sorted(MANUALS))
        for name, template in shipped.items():
            self.assertEqual(sorted(s["name"] for s in template["sensors"]), sorted(MANUALS[name]), name)
            self.assertTrue(template["description"], name)

    def test_every_template_reads_its_device(self):
        names = sorted(MANUALS)
        cases = {name: Case(name, unit) for unit, name in enumerate(names, 1)}
        address = self.serve(cases.values())
        gateway = self.gateway([self.source(address, [{"template": n, "unit_id": u} for u, n in enumerate(names, 1)])],
                               start=False, template_dir=str(TEMPLATES))
        said = gateway.cli("check")
        for unit, name in enumerate(names, 1):
            self.assertIn(f"{name}-{unit}, unit {unit} (template {name}):", said)
        gateway.start()
        self.check_values(gateway, {f"{name}-{unit}/{sensor}": value for unit, name in enumerate(names, 1)
                                    for sensor, value in cases[name].expected.items()})
        self.check_books(gateway, gateway.stop())

    def test_a_factor_that_the_device_does_not_have_makes_the_value_invalid(self):
        case = Case("sunspec-103", 1)
        case.map.append(f"1 holding {40070 + 15} {0x8000}\n")  # of the power
        case.map.append(f"1 holding {40070 + 10} {0xFFFF}\n")  # a voltage that is not there
        gateway = self.gateway([self.source(self.serve([case]), [{"template": "sunspec-103", "unit_id": 1}])],
                               template_dir=str(TEMPLATES))
        expected = {**case.expected, "power": (None, "invalid"), "voltage_l1": (None, "invalid")}
        self.check_values(gateway, {f"sunspec-103-1/{sensor}": value for sensor, value in expected.items()})

    def test_a_list_of_units_is_a_device_for_each(self):
        units = [1, 2, 5, 6, 7]
        cases = {unit: Case("sdm120", unit) for unit in units}
        address = self.serve(cases.values())
        gateway = self.gateway([self.source(address, [
            {"name": "meter-{unit}", "template": "sdm120", "unit_id": [1, 2, "5-7"],
             "sensors": [{"name": "power", "scale": 0.001, "unit": "kW"}]}])], start=False, template_dir=str(TEMPLATES))
        text = pathlib.Path(gateway.config_path).read_text(encoding="utf-8")
        pathlib.Path(gateway.config_path).write_text(text.replace('"5-7"', "5-7"), encoding="utf-8")
        gateway.start()
        expected = {}
        for unit in units:
            values = dict(cases[unit].expected)
            values["power"] = (values["power"][0] / 1000, "good")
            expected.update({f"meter-{unit}/{sensor}": value for sensor, value in values.items()})
        self.check_values(gateway, expected)
        self.assertEqual(gateway.value("SELECT unit FROM latest WHERE sensor = 'meter-6/power'"), "kW")

    def test_a_relay_is_switched(self):
        address = self.serve([Case("relay-8", 3)])
        gateway = self.gateway([self.source(address, [{"template": "relay-8", "unit_id": 3}])],
                               template_dir=str(TEMPLATES))
        self.check_values(gateway, {"relay-8-3/relay_1": (1, "good"), "relay-8-3/relay_4": (1, "good")})
        self.assertIn("relay-8-3/relay_4 is 0 now", gateway.cli("write", "relay-8-3/relay_4", "0"))
        self.check_values(gateway, {"relay-8-3/relay_4": (0, "good"), "relay-8-3/relay_1": (1, "good")})

    def test_templates_are_listed_and_shown(self):
        gateway = self.gateway([self.source("127.0.0.1:1", [{"template": "xy-md02"}])], start=False,
                               template_dir=str(TEMPLATES))
        listed = gateway.cli("templates")
        for name in MANUALS:
            self.assertRegex(listed, rf"(?m)^ *{name} +{len(MANUALS[name])} ")
        self.assertIn("- {name: humidity, input: 2", gateway.cli("templates", "xy-md02"))
        self.assertIn("there is no template 'none'", gateway.cli("templates", "none", status=1))


if __name__ == "__main__":
    main()
