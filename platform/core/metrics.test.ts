import { expect, it } from "vitest";
import { makeMetrics } from "./metrics.ts";

it("a gauge whose source fails is absent, and the page has all the others", async () => {
  const metrics = makeMetrics("test");
  metrics.gauge("nebuladb_lost", "Fails half-way.", ["n"], async (set) => {
    set({ n: "1" }, 1);
    throw new Error("the ledger is away");
  });
  metrics.gauge("nebuladb_well", "Is read.", ["n"], async (set) => set({ n: "1" }, 7));
  const { body } = await metrics.render();
  expect(body).toContain('nebuladb_well{n="1",process="test"} 7');
  expect(body).not.toContain("nebuladb_lost{");
  expect(body).toContain("process_resident_memory_bytes");
});

it("a gauge without labels that nobody has set is absent, and not 0", async () => {
  const metrics = makeMetrics("test");
  let value: number | undefined;
  metrics.gauge("nebuladb_plain", "Is read, or is not.", [], async (set) => {
    if (value === undefined) throw new Error("the ledger is away");
    set({}, value);
  });
  const sample = async () => /^nebuladb_plain.*$/m.exec((await metrics.render()).body)?.[0];
  expect(await sample()).toBeUndefined();
  value = 0;
  expect(await sample()).toBe('nebuladb_plain{process="test"} 0');
  value = undefined;
  expect(await sample()).toBeUndefined();
});

it("a gauge whose source hangs is absent, what it says later is not believed, and it is there again when it answers", async () => {
  const metrics = makeMetrics("test", { patienceMs: 20 });
  const answers: (() => void)[] = [];
  metrics.gauge("nebuladb_slow", "Hangs once.", [], async (set) => {
    if (answers.length === 0) await new Promise<void>((resolve) => answers.push(resolve));
    set({}, 3);
  });
  expect((await metrics.render()).body).not.toContain("nebuladb_slow{");
  answers[0]?.();
  const { body } = await metrics.render();
  expect(body).toContain('nebuladb_slow{process="test"} 3');
  expect(body.match(/^nebuladb_slow/gm)).toHaveLength(1);
});
