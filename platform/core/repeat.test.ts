import { expect, it } from "vitest";
import { type Clock, ignoreObservations, makeRepeat, type Observation } from "./index.ts";

/** Sleeps until it is told to go on, or the sleep is called off. */
function makeStandingClock() {
  const asked: number[] = [];
  let goOn = () => {};
  const clock: Clock = {
    now: () => 0,
    monotonicMs: () => 0,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        asked.push(ms);
        goOn = resolve;
        if (signal?.aborted) resolve();
        signal?.addEventListener("abort", () => resolve(), { once: true });
      }),
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const tick = () => {
    goOn();
    return settled();
  };
  return { clock, asked, settled, tick };
}

it("a turn comes at once, the next after the pause, and never two at a time", async () => {
  const { clock, asked, settled, tick } = makeStandingClock();
  let turns = 0;
  let end = () => {};
  const repeat = makeRepeat({ clock, everyMs: 20, where: "test", observe: ignoreObservations }, () => {
    turns += 1;
    return new Promise<void>((resolve) => {
      end = resolve;
    });
  });
  await settled();
  expect(turns).toBe(0);
  repeat.start();
  repeat.start();
  await settled();
  expect([turns, asked]).toEqual([1, []]);
  end();
  await settled();
  expect([turns, asked]).toEqual([1, [20]]);
  await tick();
  expect(turns).toBe(2);
  end();
  await repeat.close();
  expect([turns, repeat.signal.aborted]).toEqual([2, true]);
});

it("what a turn throws is reported, and the next one comes", async () => {
  const { clock, settled, tick } = makeStandingClock();
  const told: Observation[] = [];
  let turns = 0;
  const observe = (observation: Observation) => void told.push(observation);
  const repeat = makeRepeat({ clock, everyMs: () => 5, where: "usage.pass", observe }, async () => {
    turns += 1;
    if (turns === 1) throw new Error("no answer");
  });
  repeat.start();
  await settled();
  expect(told).toMatchObject([{ kind: "fault", where: "usage.pass", code: "NEB900" }]);
  await tick();
  expect([turns, told.length]).toEqual([2, 1]);
  await repeat.close();
});

it("close waits for the turn that runs, and no other begins", async () => {
  const { clock, settled } = makeStandingClock();
  let turns = 0;
  let end = () => {};
  const repeat = makeRepeat({ clock, everyMs: 20, where: "test", observe: ignoreObservations }, () => {
    turns += 1;
    return new Promise<void>((resolve) => {
      end = resolve;
    });
  });
  repeat.start();
  let closed = false;
  const closing = repeat.close().then(() => {
    closed = true;
  });
  await settled();
  expect([repeat.signal.aborted, closed]).toEqual([true, false]);
  end();
  await closing;
  expect(turns).toBe(1);
});

it("one that was never started closes, and does nothing when it is started afterwards", async () => {
  let turns = 0;
  const options = { everyMs: 1, where: "test", observe: ignoreObservations };
  const repeat = makeRepeat(options, async () => {
    turns += 1;
  });
  await repeat.close();
  repeat.start();
  await repeat.close();
  expect(turns).toBe(0);
});
