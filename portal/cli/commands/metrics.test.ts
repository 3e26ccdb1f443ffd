import { expect, it } from "vitest";
import { shown } from "./metrics.ts";

it.each([
  ["storageBytes", 0, "0 B"],
  ["storageBytes", 1023, "1023 B"],
  ["dataBytes", 7_340_032, "7 MiB"],
  ["diskReadBytes", 0.25, "0.25 B"],
  ["memoryLimitBytes", 2 ** 31, "2 GiB"],
  ["operations", 1234567, "1235000"],
  ["cpuSeconds", 0.123456, "0.1235"],
])("a figure %s of %d is shown as %s", (name, value, text) => {
  expect(shown(name, value)).toBe(text);
});
