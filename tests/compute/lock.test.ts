import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { withLock } from "../../platform/compute/index.ts";
import { killed, saying, startChild } from "./child.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("one at a time, within a process", async () => {
  const name = randomUUID();
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 30 }, () =>
      withLock(name, async () => {
        most = Math.max(most, ++inside);
        await pause(1);
        inside--;
      }),
    ),
  );
  expect(most).toBe(1);
});

test("a body that throws lets go", async () => {
  const name = randomUUID();
  await expect(withLock(name, async () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await withLock(name, async () => 1)).toBe(1);
});

test("a killed holder lets go at once, a living one makes others wait and then say so", async () => {
  const name = randomUUID();
  const child = startChild("lock-child.ts", [name]);
  try {
    await saying(child, "held");
    await expect(withLock(name, async () => 1, 100)).rejects.toMatchObject({ code: "NEB354", retry: true });
    const waiting = withLock(name, async () => performance.now());
    await pause(50);
    const at = performance.now();
    await killed(child);
    expect((await waiting) - at).toBeLessThan(1000);
  } finally {
    await killed(child);
  }
});
