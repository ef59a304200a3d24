# SPDX-License-Identifier: Apache-2.0
"""An independent Modbus slave: pymodbus, on TCP (`tcp PORT`) or on a serial line (`rtu PATH`).

Units 1 and 2; holding register a of unit u holds 1000 u + a, input registers 5000 more, coils and discrete inputs the
lowest bit of that; 600 … hold every type in every order (typed_registers.py).
"""
import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartSerialServer, StartTcpServer
from pymodbus.transaction import ModbusRtuFramer

from typed_registers import placed

SIZE = 900


def words(unit, offset):
    values = [1000 * unit + offset + a for a in range(SIZE)]
    for address, _, _, registers, _ in placed():
        values[address:address + len(registers)] = registers
    return values


def context():
    slaves = {}
    for unit in (1, 2):
        holding, inputs = words(unit, 0), words(unit, 5000)
        slaves[unit] = ModbusSlaveContext(
            hr=ModbusSequentialDataBlock(0, holding), ir=ModbusSequentialDataBlock(0, inputs),
            co=ModbusSequentialDataBlock(0, [v & 1 for v in holding]),
            di=ModbusSequentialDataBlock(0, [v & 1 for v in inputs]), zero_mode=True)
    return ModbusServerContext(slaves=slaves, single=False)


if __name__ == "__main__":
    if sys.argv[1] == "tcp":
        StartTcpServer(context=context(), address=("127.0.0.1", int(sys.argv[2])))
    else:
        StartSerialServer(context=context(), framer=ModbusRtuFramer, port=sys.argv[2], baudrate=19200, parity="N")
