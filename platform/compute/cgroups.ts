/**
 * Control groups: whether this machine can hold a server to its compute units, and how it does. The one place that decides what
 * "enforced" means: the CPU is, by a quota. Memory is where its controller is ours; elsewhere settings bound it.
 *
 * 1. Groups are made below the group that we are in: whoever put us there keeps his limits over us. A controller in which we stand
 *    elsewhere than in `cpu` belongs to somebody who put us there for it alone (a runner of jobs), and is left alone.
 * 2. A server starts outside of its group and is put into it as it runs: a move costs tens of milliseconds that no wake waits for.
 *    Whatever it forks is born inside; what it forked before is moved too.
 * 3. Everything here may be repeated, and found half done. What cannot be done leaves the server unbounded, and says so.
 */
import { access, constants, mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { childrenOf } from "./frozen.ts";
import { limitsOf, type Size } from "./unit-limits.ts";

export type Groups = {
  readonly version: "v1" | "v2" | "none";
  /** Of a server's units: its share of the CPU, and its memory. */
  readonly enforces: { readonly cpu: boolean; readonly memory: boolean };
  /** Puts a server and its children into the group of this name and bounds it. @throws what the system says. */
  hold(name: string, pid: number, size: Size): Promise<void>;
  /** Whether the process stands in the group. */
  holds(name: string, pid: number): Promise<boolean>;
  /** Undefined when there is no such group. */
  usage(name: string): Promise<GroupUsage | undefined>;
  /** The processes of a group. */
  members(name: string): Promise<readonly number[]>;
  /** Takes the group of a server that is gone away; nothing when there is none, or somebody is still in it. */
  remove(name: string): Promise<void>;
};

/** Sums since the group was made. */
export type GroupUsage = {
  readonly cpuMs: number;
  /** How often it used up its quota, of how many periods in which it ran. */
  readonly throttled: number;
  readonly periods: number;
  /** What it holds and cannot drop without writing; null where memory is not counted. */
  readonly memoryBytes: number | null;
};

export const noGroups: Groups = {
  version: "none",
  enforces: { cpu: false, memory: false },
  hold: async () => undefined,
  holds: async () => false,
  usage: async () => undefined,
  members: async () => [],
  remove: async () => undefined,
};

/** What this machine offers. @param proc a process's folder that tells where it stands; another one in tests. */
export async function findGroups(proc = "/proc/self"): Promise<Groups> {
  const found = await findHierarchies(proc);
  if (found === undefined) return noGroups;
  const { version, cpu, cpuacct, memory } = found;
  const all = [...new Set([cpu, cpuacct, ...(memory === undefined ? [] : [memory])])];
  const at = (base: string, name: string, file = "") => join(base, name, file);

  const set = async (name: string, size: Size): Promise<void> => {
    const limits = limitsOf(size);
    if (version === "v1") {
      await write(at(cpu, name, "cpu.cfs_period_us"), limits.periodUs);
      await write(at(cpu, name, "cpu.cfs_quota_us"), limits.quotaUs);
      if (memory !== undefined) await write(at(memory, name, "memory.limit_in_bytes"), limits.memoryBytes);
      return;
    }
    await write(at(cpu, name, "cpu.max"), `${limits.quotaUs} ${limits.periodUs}`);
    if (memory !== undefined) await write(at(cpu, name, "memory.max"), limits.memoryBytes);
  };

  const members = async (base: string, name: string): Promise<readonly number[]> =>
    ((await read(at(base, name, "cgroup.procs"))) ?? "").split("\n").filter(Boolean).map(Number);

  /** One that is gone meanwhile needs no group. */
  const put = (base: string, name: string, pid: number): Promise<void> =>
    write(at(base, name, "cgroup.procs"), pid).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== "ESRCH") throw thrown;
    });

  const gather = async (base: string, name: string, pid: number): Promise<void> => {
    await put(base, name, pid);
    for (let round = 0; round < 20; round++) {
      const inside = new Set(await members(base, name));
      const outside = (await childrenOf(pid)).filter((child) => !inside.has(child));
      if (outside.length === 0) return;
      for (const child of outside) await put(base, name, child);
    }
  };

  return {
    version,
    enforces: { cpu: true, memory: memory !== undefined },
    async hold(name, pid, size) {
      for (const base of all) await mkdir(at(base, name), { recursive: true });
      await set(name, size);
      for (const base of all) await gather(base, name, pid);
    },
    async holds(name, pid) {
      return (await members(cpu, name)).includes(pid) && (await members(cpuacct, name)).includes(pid);
    },
    async usage(name) {
      const [used, stat, held] = await Promise.all([
        version === "v1" ? read(at(cpuacct, name, "cpuacct.usage")) : undefined,
        read(at(cpu, name, "cpu.stat")),
        memory === undefined ? undefined : read(at(memory, name, "memory.stat")),
      ]);
      if (stat === undefined) return undefined;
      const counted = numbersIn(stat);
      return {
        cpuMs: version === "v1" ? Number(used ?? 0) / 1e6 : (counted.usage_usec ?? 0) / 1000,
        throttled: counted.nr_throttled ?? 0,
        periods: counted.nr_periods ?? 0,
        memoryBytes: held === undefined ? null : heldBytes(numbersIn(held)),
      };
    },
    members: (name) => members(cpu, name),
    async remove(name) {
      for (const base of all) await rmdir(at(base, name)).catch(() => undefined);
      // the last one takes the folder of all with it; in v2 that one holds what its children may have
      if (version === "v1") for (const base of all) await rmdir(base).catch(() => undefined);
    },
  };
}

/** v1 counts shared memory in `shmem`, anonymous in `rss`; v2 in `shmem` and `anon`. */
const heldBytes = ({ rss = 0, anon = 0, shmem = 0 }: Record<string, number>): number => rss + anon + shmem;

const numbersIn = (text: string): Record<string, number> =>
  Object.fromEntries(
    text
      .split("\n")
      .map((line) => line.split(" "))
      .filter(([name, value]) => name !== "" && value !== undefined)
      .map(([name, value]) => [name, Number(value)]),
  );

const read = (path: string): Promise<string | undefined> => readFile(path, "utf8").catch(() => undefined);
const write = (path: string, value: string | number): Promise<void> => writeFile(path, String(value));

/** Folders below which the groups of servers are made. */
type Hierarchies = {
  readonly version: "v1" | "v2";
  readonly cpu: string;
  readonly cpuacct: string;
  /** Undefined: not ours to bound. */
  readonly memory: string | undefined;
};

const ours = "nebuladb";

async function findHierarchies(proc: string): Promise<Hierarchies | undefined> {
  const [mountinfo, memberships] = await Promise.all([read(join(proc, "mountinfo")), read(join(proc, "cgroup"))]);
  if (mountinfo === undefined || memberships === undefined) return undefined;
  const mounts = mountinfo.split("\n").flatMap(parseMount);
  const stands = memberships.split("\n").flatMap(parseMembership);
  return (await findV1(mounts, stands)) ?? (await findV2(mounts, stands));
}

type Mount = { readonly root: string; readonly path: string; readonly type: string; readonly options: string[] };
type Membership = { readonly controllers: readonly string[]; readonly path: string };

function parseMount(line: string): Mount[] {
  const [left = "", right = ""] = line.split(" - ");
  const [, , , root, path] = left.split(" ");
  const [type, , options = ""] = right.split(" ");
  if (root === undefined || path === undefined || type === undefined || !type.startsWith("cgroup")) return [];
  return [{ root, path, type, options: options.split(",") }];
}

function parseMembership(line: string): Membership[] {
  const [, controllers, ...path] = line.split(":");
  return controllers === undefined ? [] : [{ controllers: controllers.split(","), path: path.join(":") }];
}

/** Where we stand in a mounted hierarchy: what a container sees as its root is its own group. */
const insideOf = ({ root }: Mount, path: string): string =>
  root !== "/" && path.startsWith(root) ? path.slice(root.length) || "/" : path;

async function findV1(mounts: readonly Mount[], stands: readonly Membership[]): Promise<Hierarchies | undefined> {
  const find = (controller: string) => {
    const mount = mounts.find(({ type, options }) => type === "cgroup" && options.includes(controller));
    const stand = stands.find(({ controllers }) => controllers.includes(controller));
    return mount === undefined || stand === undefined ? undefined : { mount, own: insideOf(mount, stand.path) };
  };
  const [cpu, cpuacct, memory] = [find("cpu"), find("cpuacct"), find("memory")];
  if (cpu === undefined || cpuacct === undefined || cpuacct.own !== cpu.own) return undefined;
  const folderOf = ({ mount, own }: typeof cpu) => join(mount.path, own);
  const [usable, counted] = [offers(folderOf(cpu), "cpu.cfs_quota_us"), offers(folderOf(cpuacct), "cpuacct.usage")];
  if (!(await usable) || !(await counted)) return undefined;
  const bounded = memory?.own === cpu.own && (await offers(folderOf(memory), "memory.limit_in_bytes"));
  return {
    ...{ version: "v1", cpu: join(folderOf(cpu), ours), cpuacct: join(folderOf(cpuacct), ours) },
    memory: bounded ? join(folderOf(memory), ours) : undefined,
  };
}

/** The group that systemd makes for us by `DelegateSubgroup=`, beside which those of the servers may stand. */
const delegate = "supervisor";

/** A group with controllers for its children has no process of its own: so it is ours to divide only when it was delegated. */
async function findV2(mounts: readonly Mount[], stands: readonly Membership[]): Promise<Hierarchies | undefined> {
  const mount = mounts.find(({ type }) => type === "cgroup2");
  const stand = stands.find(({ controllers }) => controllers.join() === "");
  if (mount === undefined || stand === undefined) return undefined;
  const own = insideOf(mount, stand.path);
  if (own !== "/" && !own.endsWith(`/${delegate}`)) return undefined;
  const parent = join(mount.path, own === "/" ? own : dirname(own));
  const controllers = ((await read(join(parent, "cgroup.controllers"))) ?? "").trim().split(" ");
  if (!controllers.includes("cpu")) return undefined;
  const base = join(parent, ours);
  const wanted = controllers.includes("memory") ? "+cpu +memory" : "+cpu";
  try {
    await write(join(parent, "cgroup.subtree_control"), wanted);
    await mkdir(base, { recursive: true });
    await write(join(base, "cgroup.subtree_control"), wanted);
  } catch {
    return undefined;
  }
  return { version: "v2", cpu: base, cpuacct: base, memory: controllers.includes("memory") ? base : undefined };
}

/** Whether we may make groups below this one, and they have this file. Makes none. */
async function offers(own: string, file: string): Promise<boolean> {
  try {
    await access(own, constants.W_OK);
    await access(join(own, file));
    return true;
  } catch {
    return false;
  }
}
