/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz_modbus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_modbus(FRAMING_TCP, data, size);
}
