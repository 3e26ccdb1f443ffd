import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { findGroups } from "./cgroups.ts";
import { limitsOf, unitsFor, unitsForMemory } from "./unit-limits.ts";

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

type Mounted = {
  readonly type: "cgroup" | "cgroup2";
  readonly options: string;
  readonly own: string;
  readonly files: readonly string[];
};

/** A machine whose hierarchies are plain folders: what is written into their files can be read. */
function makeMachine(mounted: Readonly<Record<string, Mounted>>): { readonly proc: string; at(path: string): string } {
  const root = mkdtempSync(join(tmpdir(), "ndb-groups-"));
  made.push(root);
  const [mountinfo, cgroup]: [string[], string[]] = [[], []];
  for (const [name, { type, options, own, files }] of Object.entries(mounted)) {
    mkdirSync(join(root, name, own), { recursive: true });
    for (const file of files) writeFileSync(join(root, name, own, file), "");
    mountinfo.push(`36 35 0:30 / ${join(root, name)} rw,nosuid shared:1 - ${type} cgroup rw,${options}`);
    cgroup.push(`${cgroup.length}:${type === "cgroup2" ? "" : options}:${own}`);
  }
  writeFileSync(join(root, "mountinfo"), mountinfo.join("\n"));
  writeFileSync(join(root, "cgroup"), cgroup.join("\n"));
  return { proc: root, at: (path) => readFileSync(join(root, path), "utf8") };
}

const v1 = (own: string, memoryOwn = own) =>
  ({
    cpu: { type: "cgroup", options: "cpu", own, files: ["cpu.cfs_quota_us"] },
    cpuacct: { type: "cgroup", options: "cpuacct", own, files: ["cpuacct.usage"] },
    memory: { type: "cgroup", options: "memory", own: memoryOwn, files: ["memory.limit_in_bytes"] },
  }) as const;

/** No process has this number: it has no children. */
const nobody = 2 ** 22 + 1;

describe("version 1", () => {
  test("a server is bounded below the group that we are in", async () => {
    const machine = makeMachine(v1("/service"));
    const groups = await findGroups(machine.proc);
    expect(groups).toMatchObject({ version: "v1", enforces: { cpu: true, memory: true } });
    await groups.hold("orders", nobody, { units: 0.25, maxUnits: 2 });
    const group = "service/nebuladb/orders";
    expect(machine.at(`cpu/${group}/cpu.cfs_period_us`)).toBe("400000");
    expect(machine.at(`cpu/${group}/cpu.cfs_quota_us`)).toBe("100000");
    expect(machine.at(`memory/${group}/memory.limit_in_bytes`)).toBe(
      String(limitsOf({ units: 1, maxUnits: 2 }).memoryBytes),
    );
    for (const controller of ["cpu", "cpuacct", "memory"])
      expect(machine.at(`${controller}/${group}/cgroup.procs`)).toBe(String(nobody));
    expect(await groups.holds("orders", nobody)).toBe(true);
    expect(await groups.holds("orders", 1)).toBe(false);
  });

  test("its use is read from the kernel's counters", async () => {
    const machine = makeMachine(v1("/"));
    const groups = await findGroups(machine.proc);
    expect(await groups.usage("orders")).toBeUndefined();
    await groups.hold("orders", nobody, { units: 1, maxUnits: 1 });
    const put = (file: string, text: string) => writeFileSync(join(machine.proc, file), text);
    put("cpuacct/nebuladb/orders/cpuacct.usage", "1500000000\n");
    put("cpu/nebuladb/orders/cpu.stat", "nr_periods 10\nnr_throttled 4\nthrottled_time 12345\n");
    put("memory/nebuladb/orders/memory.stat", "cache 900\nrss 100\nshmem 50\n");
    expect(await groups.usage("orders")).toEqual({ cpuMs: 1500, throttled: 4, periods: 10, memoryBytes: 150 });
  });

  test("memory is left alone where somebody has put us into a group of it alone", async () => {
    const groups = await findGroups(makeMachine(v1("/", "/jobs/7")).proc);
    expect(groups.enforces).toEqual({ cpu: true, memory: false });
  });
});

describe("version 2", () => {
  const v2 = (own: string, controllers: string) => {
    const machine = makeMachine({ all: { type: "cgroup2", options: "", own, files: [] } });
    writeFileSync(join(machine.proc, "all/service/cgroup.controllers"), `${controllers}\n`);
    return machine;
  };

  test("a delegated group is divided beside the part that is ours", async () => {
    const machine = v2("/service/supervisor", "cpu io memory");
    const groups = await findGroups(machine.proc);
    expect(groups).toMatchObject({ version: "v2", enforces: { cpu: true, memory: true } });
    expect(machine.at("all/service/cgroup.subtree_control")).toBe("+cpu +memory");
    await groups.hold("orders", nobody, { units: 1.5, maxUnits: 2 });
    const group = "all/service/nebuladb/orders";
    expect(machine.at(`${group}/cpu.max`)).toBe("150000 100000");
    expect(machine.at(`${group}/memory.max`)).toBe(String(limitsOf({ units: 1, maxUnits: 2 }).memoryBytes));
    writeFileSync(join(machine.proc, group, "cpu.stat"), "usage_usec 2500\nnr_periods 3\nnr_throttled 1\n");
    writeFileSync(join(machine.proc, group, "memory.stat"), "anon 70\nfile 900\nshmem 5\n");
    expect(await groups.usage("orders")).toEqual({ cpuMs: 2.5, throttled: 1, periods: 3, memoryBytes: 75 });
  });

  test("one that nobody delegated is not", async () => {
    expect((await findGroups(v2("/service/session", "cpu memory").proc)).version).toBe("none");
    expect((await findGroups(v2("/service/supervisor", "io memory").proc)).version).toBe("none");
  });
});

test("a machine without control groups enforces nothing", async () => {
  const empty = mkdtempSync(join(tmpdir(), "ndb-groups-"));
  made.push(empty);
  const groups = await findGroups(empty);
  expect(groups.enforces).toEqual({ cpu: false, memory: false });
  await groups.hold("orders", nobody, { units: 1, maxUnits: 1 });
  expect(await groups.usage("orders")).toBeUndefined();
});

test("a quota is its units, and never less than 100 ms at a time", () => {
  for (const units of [0.25, 0.5, 0.75, 1, 1.25, 2, 8]) {
    const { periodUs, quotaUs } = limitsOf({ units, maxUnits: 8 });
    expect(quotaUs / periodUs).toBeCloseTo(units, 4);
    expect(quotaUs).toBeGreaterThanOrEqual(99_999);
  }
});

test("sizes are quarters of a unit, never less than is needed", () => {
  expect([0, 0.01, 0.25, 0.26, 1.9].map(unitsFor)).toEqual([0.25, 0.25, 0.25, 0.5, 2]);
  expect(unitsForMemory(3 * 1024 ** 3)).toBe(1.5);
});
