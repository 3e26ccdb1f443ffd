/** The part of every compute driver's suite that is about what an instance is doing: stopped, asleep, frozen, paused, retired, removed. */
import { expect, test } from "vitest";
import { codeOf } from "../harness/code-of.ts";
import { eventually } from "../harness/eventually.ts";
import type { ComputeGround } from "./compute-subject.ts";

export function describePhases(ground: ComputeGround): void {
  const { rowsOf, makeKept } = ground;

  test("stops in every mode and starts again; starting twice is one process", async () => {
    const wanted = await makeKept();
    for (const mode of ["smart", "fast", "immediate"] as const) {
      expect(await ground.subject.driver.stop(wanted.id, mode)).toMatchObject({ phase: "Stopped", running: false });
      const [one, two] = await Promise.all([
        ground.subject.driver.start(wanted.id),
        ground.subject.driver.start(wanted.id),
      ]);
      expect([one.phase, one.pid]).toEqual(["Ready", two.pid]);
      expect(await rowsOf(wanted)).toEqual([1, 2]);
    }
  });

  test("asleep is stopped and wakes; frozen keeps its sessions and wakes; whatever needs the server wakes both", async () => {
    const wanted = await makeKept();
    expect(await ground.subject.driver.sleep(wanted.id)).toMatchObject({ phase: "Asleep", running: false });
    expect(await ground.subject.driver.sleep(wanted.id)).toMatchObject({ phase: "Asleep" });
    expect(await ground.subject.driver.stop(wanted.id)).toMatchObject({ phase: "Asleep" });
    expect(await ground.subject.driver.activity(wanted.id)).toBeUndefined();
    expect(await ground.subject.driver.wake(wanted.id)).toMatchObject({ kind: "start" });
    expect(await ground.subject.driver.wake(wanted.id)).toMatchObject({ kind: "none" });
    expect(await rowsOf(wanted)).toEqual([1, 2]);

    const before = (await ground.subject.driver.observe(wanted.id))?.pid;
    await ground.subject.asTenant(wanted, async (sql) => {
      await sql.query("set application_name = 'still here'");
      expect(await ground.subject.driver.freeze(wanted.id)).toMatchObject({
        phase: "Frozen",
        running: true,
        pid: before,
      });
      expect(await ground.subject.driver.freeze(wanted.id)).toMatchObject({ phase: "Frozen" });
      expect(await ground.subject.driver.wake(wanted.id)).toMatchObject({ kind: "thaw" });
      expect(await sql.one("select current_setting('application_name') as name")).toEqual({ name: "still here" });
    });
    expect(await ground.subject.driver.observe(wanted.id)).toMatchObject({ phase: "Ready", pid: before });

    for (const rest of ["freeze", "sleep"] as const) {
      await ground.subject.driver[rest](wanted.id);
      expect(await ground.subject.driver.ensure(wanted)).toMatchObject({ phase: "Ready", created: false });
      await ground.subject.driver[rest](wanted.id);
      expect(await ground.subject.driver.start(wanted.id)).toMatchObject({ phase: "Ready" });
    }
    expect(await rowsOf(wanted)).toEqual([1, 2]);
  });

  test("no verb hangs on a frozen server, and none that only looks wakes it", async () => {
    const wanted = await makeKept();
    await ground.subject.driver.freeze(wanted.id);
    expect(await ground.subject.driver.measure(wanted.id)).toMatchObject({
      phase: "Frozen",
      connections: 0,
      databaseSizeBytes: null,
    });
    expect(await ground.subject.driver.inspect(wanted.id, new Map())).toBeUndefined();
    expect(await ground.subject.driver.activity(wanted.id)).toBeUndefined();
    expect(await ground.subject.driver.facts(wanted.id)).toMatchObject({ phase: "Frozen", running: true });
    expect(await ground.subject.driver.mark(wanted.id, "a point")).toEqual(expect.any(String));
    await ground.subject.driver.freeze(wanted.id);
    expect(await ground.subject.driver.stop(wanted.id)).toMatchObject({ phase: "Stopped" });
    await ground.subject.driver.start(wanted.id);
    await ground.subject.driver.freeze(wanted.id);
    expect(await ground.subject.driver.sleep(wanted.id)).toMatchObject({ phase: "Asleep", running: false });
    await ground.subject.driver.wake(wanted.id);
    await ground.subject.driver.freeze(wanted.id);
    expect(await ground.subject.driver.pause(wanted.id)).toMatchObject({ phase: "Paused", running: false });
    for (const verb of ["wake", "freeze", "sleep"] as const)
      expect(await codeOf(ground.subject.driver[verb](wanted.id))).toBe("NEB357");
    await ground.subject.driver.resume(wanted.id);
    await ground.subject.driver.freeze(wanted.id);
    expect(await ground.subject.driver.retire(wanted.id)).toMatchObject({ phase: "Retired", running: false });
    await ground.subject.driver.ensure(wanted);
    await ground.subject.driver.freeze(wanted.id);
    expect(await ground.subject.driver.remove(wanted.id)).toMatchObject({ id: wanted.id });
  });

  test("who is wanted at the last moment, or held for work of ours, is left awake", async () => {
    const wanted = await makeKept();
    for (const rest of ["freeze", "sleep"] as const) {
      expect(await ground.subject.driver[rest](wanted.id, () => true)).toMatchObject({ phase: "Ready" });
      await ground.subject.driver.hold(wanted.id, 60);
      expect(await ground.subject.driver[rest](wanted.id)).toMatchObject({ phase: "Ready" });
      await ground.subject.driver.hold(wanted.id, 0);
      expect((await ground.subject.driver[rest](wanted.id)).phase).not.toBe("Ready");
      await ground.subject.driver.wake(wanted.id);
    }
  });

  test("activity is what clients do: sessions, statements, transactions; ours never count", async () => {
    const wanted = await makeKept();
    const idle = { clients: 0, busy: 0, idleMs: null, replication: 0, baseBackups: 0 };
    await eventually("nobody is there", async () => (await ground.subject.driver.activity(wanted.id))?.clients === 0);
    expect(await ground.subject.driver.activity(wanted.id)).toMatchObject(idle);
    await ground.subject.asTenant(wanted, async (sql) => {
      await sql.one("select 1");
      expect(await ground.subject.driver.activity(wanted.id)).toMatchObject({ clients: 1, busy: 0 });
      await sql.query("begin");
      expect(await ground.subject.driver.activity(wanted.id)).toMatchObject({ clients: 1, busy: 1 });
      await sql.query("commit");
      expect((await ground.subject.driver.activity(wanted.id))?.idleMs).toBeGreaterThanOrEqual(0);
    });
  });

  test("paused stays paused, through ensure and start, until resumed", async () => {
    const wanted = await makeKept();
    expect(await ground.subject.driver.pause(wanted.id)).toMatchObject({ phase: "Paused", running: false });
    expect(await codeOf(ground.subject.driver.start(wanted.id))).toBe("NEB357");
    expect(await ground.subject.driver.ensure({ ...wanted, units: 1 })).toMatchObject({
      phase: "Paused",
      running: false,
      units: 1,
    });
    expect(await ground.subject.driver.resume(wanted.id)).toMatchObject({ phase: "Ready", running: true });
    expect(await ground.subject.asTenant(wanted, (sql) => sql.one("show shared_buffers"))).toEqual({
      shared_buffers: "64MB",
    });
    expect(await rowsOf(wanted)).toEqual([1, 2]);
  });

  test("retired is stopped and kept; wanting it again brings it back with its data", async () => {
    const wanted = await makeKept();
    expect(await ground.subject.driver.retire(wanted.id)).toMatchObject({ phase: "Retired", running: false });
    expect(await ground.subject.driver.retire(wanted.id)).toMatchObject({ phase: "Retired" });
    for (const verb of ["start", "resume", "pause"] as const)
      expect(await codeOf(ground.subject.driver[verb](wanted.id))).toBe("NEB357");
    expect(await ground.subject.driver.ensure(wanted)).toMatchObject({ phase: "Ready", created: false });
    expect(await rowsOf(wanted)).toEqual([1, 2]);
  });

  test("removing keeps a final copy; purging deletes it, those older than a time first", async () => {
    const wanted = await makeKept();
    const copy = await ground.subject.driver.remove(wanted.id);
    expect(copy).toMatchObject({ id: wanted.id, version: "18", databaseName: "orders" });
    expect(copy?.sizeBytes).toBeGreaterThan(20 * 1024 ** 2);
    expect(await ground.subject.driver.observe(wanted.id)).toBeUndefined();
    expect((await ground.subject.driver.remove(wanted.id))?.path).toBe(copy?.path);
    expect(await ground.subject.driver.ensure(wanted)).toMatchObject({ created: true });
    expect(await codeOf(ground.subject.asTenant(wanted, (sql) => sql.query("select * from kept")))).toBe("NEB900");
    expect(await ground.subject.driver.finalCopies(wanted.id)).toHaveLength(1);
    expect(await ground.subject.driver.purge(wanted.id, copy?.removedAt)).toBe(0);
    expect(await ground.subject.driver.purge(wanted.id)).toBe(1);
    expect(await ground.subject.driver.finalCopies(wanted.id)).toEqual([]);
  });
}
