# SPDX-License-Identifier: Apache-2.0
"""Every type in every order as registers, laid out by Python's struct and nothing of ours."""
import struct

# Type: struct's letter, values that show a wrong byte.
FORMS = {"int16": ("h", [-2, 258]), "uint16": ("H", [65280]), "int32": ("i", [-123456, 16909060]),
         "uint32": ("I", [4000000000]), "int64": ("q", [-2 ** 53, 72623859790382856]), "uint64": ("Q", [2 ** 60 + 5]),
         "float16": ("e", [-1.5]), "float32": ("f", [12.5, -0.001953125]), "float64": ("d", [-0.001])}
ORDERS = {1: ["AB", "BA"], 2: ["ABCD", "CDAB", "BADC", "DCBA"], 4: ["ABCDEFGH", "GHEFCDAB", "BADCFEHG", "HGFEDCBA"]}


def arranged(big_endian, order):
    """The bytes as they stand in the registers: A is the most significant one."""
    return bytes(big_endian[ord(letter) - ord("A")] for letter in order)


def words(data):
    return [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]


def bcd(value, digits):
    return int(str(value).rjust(digits, "0"), 16)


def fields():
    """(name, options of the sensor, registers, value) of each."""
    for kind, (letter, values) in FORMS.items():
        for number, value in enumerate(values):
            data = struct.pack(">" + letter, value)
            for order in ORDERS[len(data) // 2]:
                yield f"{kind}_{order}_{number}", {"type": kind, "order": order}, words(arranged(data, order)), value
    for kind, size, value in (("bcd16", 2, 1234), ("bcd32", 4, 12345678)):
        data = bcd(value, 2 * size).to_bytes(size, "big")
        for order in ORDERS[size // 2]:
            yield f"{kind}_{order}", {"type": kind, "order": order}, words(arranged(data, order)), value
    for byte, word in (("low", 0x11F0), ("high", 0xF011)):
        yield f"int8_{byte}", {"type": "int8", "byte": byte}, [word], -16
        yield f"uint8_{byte}", {"type": "uint8", "byte": byte}, [word], 240
    yield "bool_set", {"type": "bool"}, [0x0100], 1
    yield "bool_clear", {"type": "bool"}, [0], 0
    for bit in (0, 7, 15):
        yield f"bit_{bit}", {"bit": bit}, [1 << bit], 1
        yield f"no_bit_{bit}", {"bit": bit}, [0xFFFF ^ 1 << bit], 0
    yield "bits_of_16", {"bits": {"shift": 4, "width": 5}}, [0xFF6F], 0x16
    yield "bits_of_32_CDAB", {"type": "uint32", "order": "CDAB", "bits": {"shift": 12, "width": 12}}, [0xF000, 0xABCD], 0xcdf
    yield "signed_bits", {"type": "int16", "bits": {"shift": 4, "width": 4}}, [0x0090], -7


def placed():
    """The same one after the other from register 600 on: (address, name, options, registers, value)."""
    address = 600
    for name, options, registers, value in fields():
        yield address, name, options, registers, value
        address += len(registers)
