import { expect, test, vi } from "vitest";
import { makeLane } from "./lane.ts";

test("what is asked for while it is done is done once more, never twice at once", async () => {
  let [running, most, done] = [0, 0, 0];
  const lane = makeLane(
    async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      if (done === 0) for (let times = 0; times < 5; times++) lane.nudge();
      running -= 1;
      done += 1;
    },
    () => undefined,
  );
  lane.nudge();
  await vi.waitFor(() => expect([done, lane.isIdle()]).toEqual([2, true]));
  expect(most).toBe(1);
  await lane.close();
  lane.nudge();
  expect(done).toBe(2);
});

test("what fails is told and is tried again, later each time", async () => {
  vi.useFakeTimers();
  try {
    const faults: unknown[] = [];
    let isBroken = true;
    const lane = makeLane(
      async () => {
        if (isBroken) throw new Error("broken");
      },
      (thrown) => faults.push(thrown),
    );
    lane.nudge();
    await vi.advanceTimersByTimeAsync(0);
    expect([faults.length, lane.isIdle()]).toEqual([1, false]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(faults).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(faults).toHaveLength(2);
    isBroken = false;
    await vi.advanceTimersByTimeAsync(2_000);
    expect([faults.length, lane.isIdle()]).toEqual([2, true]);
    await lane.close();
  } finally {
    vi.useRealTimers();
  }
});
