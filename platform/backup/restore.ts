/**
 * A database as it was: into a new one, or in place.
 *
 * 1. What is restored appears when it is whole, or not at all; in place, what was there is put aside as a final copy.
 * 2. The source loses nothing by it: what it has not archived yet is flushed first, so that a moment of seconds ago is there too.
 * 3. It gets new passwords, and an identity of its own: its log goes to a line of its own.
 */
import { rm } from "node:fs/promises";
import type { Ensured, InstanceObserved, InstanceWanted, MachineDriver, Origin, OriginNote } from "../compute/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { type Base, type Index, type LineStore, linesOf } from "./catalog.ts";
import { chainOf, layOutChain } from "./chain.ts";
import { noBackups, otherVersion, targetOutside } from "./errors.ts";
import type { Ground } from "./ground.ts";
import { handOver, type Names } from "./hand-over.ts";
import { gapsIn, isSegment, numberOf, segmentAt } from "./log-names.ts";
import { recover } from "./recover.ts";
import { shipWal } from "./ship.ts";
import { chooseBase, nameOf, shortcutTo, type Target, windowOf } from "./target.ts";

export type Source = {
  readonly id: DatabaseId;
  readonly line: LineStore;
  readonly index: Index;
  readonly base: Base;
  readonly chain: readonly Base[];
  readonly target: Target;
};

/** Brings the store up to now where the instance still is. A moment that is still to come is refused later, by its time. */
export async function flushToStore(ground: Ground, id: DatabaseId): Promise<void> {
  const found = await ground.machinery.find(id);
  if (found === undefined || found.spool === null) return;
  const flushedAt = await ground.machinery.locked(id, () => ground.machinery.flush(id)).catch(() => undefined);
  await shipWal(ground, id, flushedAt).catch(() => undefined);
}

/** The line and the backup that lead to a target. @throws NEB414, NEB416, NEB420 */
export async function findSource(ground: Ground, id: DatabaseId, target: Target): Promise<Source> {
  await flushToStore(ground, id);
  const lines = await linesOf(ground, id);
  if (lines.length === 0) throw noBackups(`nothing is kept of ${id} in ${ground.store.address}`);
  let refusal: unknown;
  for (const line of [...lines].reverse()) {
    const index = await line.readIndex();
    if (index === undefined) continue;
    try {
      const base = await beginning(line, index, { base: chooseBase(id, index, target), target });
      return { id, line, index, base, chain: chainOf(index.bases, base), target };
    } catch (thrown) {
      refusal ??= thrown;
    }
  }
  throw refusal ?? targetOutside(`${id} has no backup yet`);
}

/** The base itself where the log on the shorter way to it is not whole. */
async function beginning(
  line: LineStore,
  index: Index,
  { base, target }: Pick<Source, "base" | "target">,
): Promise<Base> {
  const shorter = shortcutTo(base, index, target);
  if (shorter === base) return base;
  const [from, to] = [segmentAt(shorter.timeline, shorter.startLsn), segmentAt(base.timeline, base.startLsn)];
  const names = (await line.listLog()).filter(isSegment);
  return gapsIn(names, numberOf(from), numberOf(to)).length === 0 ? shorter : base;
}

/** The moment of a target, as it is kept in the manifest of what is made of it. */
const momentOf = ({ target, index, base }: Source): string => {
  if (target.kind === "time") return target.at.toISOString();
  if (target.kind === "latest") return windowOf(index)?.to.toISOString() ?? base.endedAt;
  return nameOf(target);
};

type Made = { readonly to: Names & { readonly id: DatabaseId }; readonly as: Pick<OriginNote, "kind" | "request"> };

export function originOf(ground: Ground, source: Source, { to, as: how }: Made): Origin {
  const { machinery } = ground;
  const { line, base } = source;
  return {
    note: { ...how, of: source.id, identity: line.identity, at: momentOf(source) },
    managed: base.managed,
    make: (pgdata) =>
      machinery.site(async (site) => {
        await makeRecovered(ground, source, { site, pgdata }, (as) =>
          handOver(as, { from: base, to, adminPassword: machinery.adminPassword(to.id) }),
        );
        await machinery.sync(pgdata);
      }),
  };
}

/** Lays out, replays, and lends the server that did. */
export async function makeRecovered<T>(
  ground: Ground,
  { line, index, base, chain, target }: Source,
  { site, pgdata }: { readonly site: string; readonly pgdata: string },
  body: Parameters<typeof recover<T>>[2],
): Promise<T> {
  try {
    await layOutChain(ground.machinery, line, { chain, site, pgdata });
    return await recover(ground, { line, index, base, target, site, pgdata }, body);
  } catch (thrown) {
    await rm(pgdata, { recursive: true, force: true });
    throw thrown;
  }
}

/** @throws NEB427 */
function mustBeOfVersion({ id, base, target }: Source, version: string): void {
  if (base.version !== version)
    throw otherVersion(
      `the backup that leads to ${nameOf(target)} of ${id} is of PostgreSQL ${base.version}, and ${version} is wanted`,
    );
}

type Parts = Ground & { readonly driver: MachineDriver };

/** Into a database that is not there yet. @throws NEB353 when it is, NEB414-417, NEB419 */
export async function restoreInto(
  parts: Parts,
  wanted: InstanceWanted,
  {
    of,
    target,
    kind = "restore",
  }: { readonly of: DatabaseId; readonly target: Target; readonly kind?: OriginNote["kind"] },
): Promise<Ensured> {
  const known = await parts.machinery.find(wanted.id);
  // A kill came after it was made: what is left to do is what any deployment does.
  if (known?.manifest.origin?.of === of) return parts.driver.ensure(wanted);
  const source = await findSource(parts, of, target);
  mustBeOfVersion(source, wanted.version);
  return parts.driver.ensure(wanted, originOf(parts, source, { to: wanted, as: { kind } }));
}

/** Over a database that is there. `request` is whose repeat after a kill is to find it done. Its passwords are those of nobody until `ensure` sets the declared ones. */
export async function restoreInPlace(
  parts: Parts,
  id: DatabaseId,
  { target, request }: { readonly target: Target; readonly request: string },
): Promise<InstanceObserved> {
  const lent = await parts.machinery.find(id);
  if (lent === undefined) throw noBackups(`there is no instance ${id}`);
  const { databaseName, ownerRole, origin, version } = lent.manifest;
  if (origin?.request === request && lent.running) return parts.driver.start(id);
  const source = await findSource(parts, id, target);
  mustBeOfVersion(source, version);
  const to = { id, databaseName, ownerRole };
  return parts.driver.replace(id, originOf(parts, source, { to, as: { kind: "restore", request } }));
}
