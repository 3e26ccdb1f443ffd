/** The size of one running server: what it uses of it, and another one. */
import type { DatabaseId } from "../spec/index.ts";
import { limitRefused } from "./errors.ts";
import { childrenOf, stateOf } from "./frozen.ts";
import { appendJournal } from "./journal.ts";
import { withLock } from "./lock.ts";
import { readManifest } from "./manifest.ts";
import { heldBy } from "./memory.ts";
import { placeOf } from "./paths.ts";
import { findPostmaster } from "./postmaster.ts";
import { cpuMsOf } from "./process-use.ts";
import type { Context } from "./running.ts";
import { standbysIn } from "./standby.ts";
import { lockOf } from "./suspend.ts";
import type { CpuUse, Load } from "./types.ts";
import { clampUnits, groupOf, rangeOf, unitsHeld } from "./units.ts";

/** The counters of its group, as cheap as a look can be; undefined where there is none. */
export async function readUse({ layout, groups }: Context, id: DatabaseId): Promise<CpuUse | undefined> {
  const usage = await groups.usage(groupOf(placeOf(layout, id)));
  if (usage === undefined) return undefined;
  const { cpuMs, throttled, periods } = usage;
  return { cpuMs, throttled, periods };
}

export async function readLoad(context: Context, id: DatabaseId): Promise<Load | undefined> {
  const { groups } = context;
  const place = placeOf(context.layout, id);
  const [manifest, running] = await Promise.all([readManifest(place), findPostmaster(place.pgdata)]);
  if (manifest === undefined || running?.ready !== true || running.frozen) return undefined;
  const name = groupOf(place);
  const [units, held, usage, members] = await Promise.all([
    unitsHeld(context, place, manifest),
    groups.holds(name, running.pid),
    groups.usage(name),
    groups.members(name),
  ]);
  const states = await Promise.all(members.map(stateOf));
  const { throttled = 0, periods = 0, memoryBytes = null } = usage ?? {};
  const cpuMs = usage?.cpuMs ?? (await cpuMsOf(running.pid)) ?? 0;
  const processes = members.length > 0 ? members : [running.pid, ...(await childrenOf(running.pid))];
  return {
    ...rangeOf(manifest),
    ...{ units, held, cpuMs, throttled, periods },
    enforced: groups.enforces.cpu,
    runnable: states.filter((state) => state === "R").length,
    memoryBytes: memoryBytes ?? ((await heldBy(processes)) || null),
  };
}

/** Who changes it has it for a moment; a size that is not taken now is taken at the next look. */
const patienceMs = 250;

/**
 * The server goes on with other limits at once. The journal says so after it was given more, and after it was taken from it.
 * @throws NEB730 when the machine does not do it, NEB354 when somebody else has it.
 */
export const resizeInstance = (context: Context, id: DatabaseId, asked: number): Promise<void> =>
  withLock(
    lockOf(context, id),
    async () => {
      const { groups, layout, now } = context;
      const place = placeOf(layout, id);
      const [manifest, running] = await Promise.all([readManifest(place), findPostmaster(place.pgdata)]);
      if (!groups.enforces.cpu || manifest?.intent !== "run" || running?.ready !== true || running.frozen) return;
      const range = rangeOf(manifest);
      const [units, before] = [clampUnits(asked, range), await unitsHeld(context, place, manifest)];
      await groups.hold(groupOf(place), running.pid, { units, maxUnits: range.maxUnits }).catch((cause) => {
        throw limitRefused(`${id} cannot be held to ${units} compute units`, { cause });
      });
      const size = { units, maxUnits: range.maxUnits };
      for (const standby of await standbysIn(context, place, id)) {
        const found = await findPostmaster(standby.pgdata);
        if (found !== undefined) await groups.hold(groupOf(standby), found.pid, size).catch(() => undefined);
      }
      if (units !== before) await appendJournal(place, { state: "awake", units, atMs: now(), resized: true });
    },
    patienceMs,
  );
