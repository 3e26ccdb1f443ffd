import { expect, test } from "vitest";
import { isAllowed, isLoopback, plainAddress } from "./address.ts";
import { defaultGatewayLimits, makeBuckets, makeCounts, readGatewayLimits } from "./limits.ts";

test("a bucket gives what it holds, and refills with time", () => {
  let now = 0;
  const buckets = makeBuckets({ monotonicMs: () => now });
  const take = (key = "a") => buckets.take(key, 3, 1);
  expect([take(), take(), take(), take()]).toEqual([true, true, true, false]);
  expect(take("b")).toBe(true);
  now = 1_500;
  expect(buckets.has("a", 3, 1)).toBe(true);
  expect([take(), take()]).toEqual([true, false]);
  now = 1_000_000;
  expect([take(), take(), take(), take()]).toEqual([true, true, true, false]);
});

test("a counter forgets what is at nothing", () => {
  const counts = makeCounts();
  counts.add("a");
  counts.add("a");
  counts.drop("a");
  expect(counts.of("a")).toBe(1);
  counts.drop("a");
  counts.drop("a");
  expect(counts.of("a")).toBe(0);
});

test("addresses are held against CIDR blocks; this machine is always allowed", () => {
  const blocks = ["10.1.0.0/16", "2001:db8::/32", "192.0.2.7", "nonsense", "10.0.0.0/99"];
  for (const fine of ["10.1.2.3", "2001:db8::1", "192.0.2.7", "127.0.0.1", "127.9.9.9", "::1"])
    expect(isAllowed(blocks, fine), fine).toBe(true);
  for (const not of ["10.2.0.1", "192.0.2.8", "2001:db9::1", "8.8.8.8", "unknown", ""])
    expect(isAllowed(blocks, not), not).toBe(false);
  expect(plainAddress("::ffff:10.1.2.3")).toBe("10.1.2.3");
  expect(plainAddress("fe80::1%eth0")).toBe("fe80::1");
  expect(isLoopback(plainAddress("::ffff:127.0.0.1"))).toBe(true);
});

test("limits are named and changed one by one, and a typo is an error", () => {
  expect(readGatewayLimits("")).toEqual(defaultGatewayLimits);
  expect(readGatewayLimits("connections=7, handshakeMs=900")).toEqual({
    ...{ ...defaultGatewayLimits, connections: 7, handshakeMs: 900 },
  });
  for (const wrong of ["conections=7", "connections", "connections=-1", "connections=0", "__proto__=1"])
    expect(() => readGatewayLimits(wrong), wrong).toThrow(/is no limit/);
});
