import { randomUUID } from "node:crypto";
import { lstat, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { failpoint } from "../core/index.ts";
import { isUnavailable, sqlState } from "../sql/index.ts";
import { clearSite, removeTree } from "./cluster.ts";
import { leaveTrace } from "./deploy-trace.ts";
import { adminLoginRefused, instanceDamaged, shrinkRefused, versionUnavailable } from "./errors.ts";
import { writeGateFor } from "./gate-write.ts";
import { markIdentity, ownerTag } from "./identity.ts";
import { keepAdminKey } from "./kept-key.ts";
import { type Manifest, manifestOf, readManifest, settle, syncFolder, writeManifest } from "./manifest.ts";
import { manifestWithOrigin, mustBeMadeOf, type Origin } from "./origin.ts";
import { closedFolder, type Layout, openFolder, type Place, placeOf } from "./paths.ts";
import { findPostmaster } from "./postmaster.ts";
import { translateFs } from "./programs.ts";
import { type Context, doorOf, removeSocket, runAsWanted, stopServer } from "./running.ts";
import { closeToOthers, giveOwnUser } from "./server-user.ts";
import { syncServiceRoles } from "./service-roles.ts";
import { prepareReplication } from "./standby-role.ts";
import { usedBytesOf } from "./storage.ts";
import { underLimit } from "./storage-limit.ts";
import { claimDatabase, syncDatabase } from "./sync.ts";
import type { Template } from "./template.ts";
import type { InstanceWanted } from "./types.ts";
import { mustOffer } from "./validate.ts";

export type Changes = {
  readonly created: boolean;
  readonly changed: readonly string[];
  readonly restarted: readonly string[];
};

/**
 * Makes an instance what is wanted. The caller holds its lock.
 *
 * 1. The folder appears by rename, whole, or not at all.
 * 2. A failure before the first success takes the folder away again; after it, nothing is ever taken away.
 */
export async function ensureInstance(
  context: Context,
  template: Template,
  wanted: InstanceWanted,
  origin?: Origin,
): Promise<Changes> {
  const place = placeOf(context.layout, wanted.id);
  const before = await readManifest(place);
  mustBeMadeOf(wanted.id, before, origin);
  await mustBeAllowed(template, place, before, wanted);
  const owner = ownerTag(context.vault);
  mustBeOurs(place, before, owner);
  const now = new Date(context.now());
  const identity = before === undefined ? "" : (before.identity ?? (await markIdentity(place.pgdata)));
  let manifest = manifestOf(wanted, before, { now, owner, identity });
  try {
    if (before === undefined) {
      if (origin !== undefined) manifest = manifestWithOrigin(manifest, origin);
      manifest = await createFolder(context, origin?.make ?? template.take, place, manifest);
    } else {
      manifest = await underLimit(place, manifest);
      if (!same(before, manifest)) await writeManifest(place, manifest);
    }
    failpoint("compute.folder-made");
    const { started, restarted, done, versions } = await unlessItDied(place, () =>
      bringUp(context, place, manifest, wanted),
    );
    failpoint("compute.synced");
    const settled = settle(manifest, wanted, versions);
    if (!same(manifest, settled)) await writeManifest(place, settled);
    if (settled.intent === "paused") await stopServer(context, place, wanted.id, "fast", "paused");
    const changed = [
      ...(before === undefined ? [] : describe(before, settled)),
      ...done,
      ...(started && restarted.length === 0 && settled.intent === "run" && before !== undefined ? ["start"] : []),
    ];
    return { created: before === undefined, changed, restarted };
  } catch (thrown) {
    if (!manifest.settled) await undo(context, place).catch(() => undefined);
    throw translateFs(thrown, `making ${wanted.id}`);
  }
}

async function bringUp(context: Context, place: Place, manifest: Manifest, wanted: InstanceWanted) {
  const { postmaster, started, restarted } = await runAsWanted(context, place, manifest);
  failpoint("compute.started");
  const door = doorOf(context, place, manifest, postmaster);
  const claimed = manifest.settled ? [] : await claimDatabase(door, wanted);
  const synced = await syncDatabase({ ...door, templatePassword: null }, wanted, manifest.managed).catch((thrown) => {
    if (sqlState(thrown) !== noSuchDatabase) throw thrown;
    throw instanceDamaged(`${wanted.id} runs, but its database ${wanted.databaseName} is gone`, { cause: thrown });
  });
  const served = await syncServiceRoles({ ...door, templatePassword: null }, place, wanted);
  await keepAdminKey(context, place, manifest.id);
  await prepareReplication(context, place, manifest, { ...door, templatePassword: null });
  await writeGateFor(context, place, wanted, synced.verifiers);
  await leaveTrace(place);
  return { started, restarted, done: [...claimed, ...synced.done, ...served], versions: synced.versions };
}

const noSuchDatabase = "3D000";

/** A server that ends under our hands (a crash a moment ago that nobody had seen yet) is brought up once more. */
async function unlessItDied<T>(place: Place, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (thrown) {
    if (!isUnavailable(thrown) || (await findPostmaster(place.pgdata)) !== undefined) throw thrown;
    return body();
  }
}

/** What carries another installation's tag is never touched, whatever name it has. */
function mustBeOurs(place: Place, before: Manifest | undefined, owner: string): void {
  if (before?.owner !== undefined && before.owner !== owner)
    throw adminLoginRefused(`${before.id}: ${place.folder} belongs to another installation (tag ${before.owner})`);
}

async function mustBeAllowed(template: Template, place: Place, before: Manifest | undefined, wanted: InstanceWanted) {
  const news = wanted.extensions.filter((name) => !before?.managed.extensions.includes(name));
  if (news.length > 0) mustOffer({ ...wanted, extensions: news }, (await template.prepare()).extensions);
  if (before === undefined) {
    if ((await lstat(place.folder).catch(() => undefined)) !== undefined)
      throw instanceDamaged(`${wanted.id}: ${place.folder} is there but has no instance.json`);
    return;
  }
  if (before.version !== wanted.version)
    throw versionUnavailable(
      `${wanted.id} is PostgreSQL ${before.version} and cannot become ${wanted.version} in place`,
      {
        hint: "Upgrade it by an UPGRADE_VERSION operation, or make a new database and move the data.",
      },
    );
  if (before.databaseName !== wanted.databaseName)
    throw versionUnavailable(`${wanted.id}: its database is called ${before.databaseName} and is never renamed`);
  if (wanted.storageBytes < before.storageBytes) await mustHoldWhatIsUsed(place, wanted);
}

async function mustHoldWhatIsUsed(place: Place, { id, storageBytes }: InstanceWanted): Promise<void> {
  const bytes = await usedBytesOf(place.pgdata);
  if (bytes > storageBytes)
    throw shrinkRefused(`${id} uses ${bytes} bytes; its storage cannot become ${storageBytes}`, {
      fields: { usedBytes: bytes, wantedBytes: storageBytes },
    });
}

async function createFolder(
  { layout, users }: Context,
  fill: (pgdata: string) => Promise<unknown>,
  place: Place,
  wanted: Manifest,
): Promise<Manifest> {
  await openFolder(layout.instances);
  await clearDrafts(layout, wanted.id);
  const site = join(layout.instances, `${draftPrefix(wanted.id)}${randomUUID()}`);
  try {
    await openFolder(site);
    await fill(join(site, "pgdata"));
    await giveOwnUser({ layout, users }, join(site, "pgdata"));
    await closeToOthers({ users }, site);
    const manifest = { ...wanted, identity: await markIdentity(join(site, "pgdata")) };
    await writeManifest({ ...place, manifest: join(site, "instance.json") }, manifest);
    await rename(site, place.folder);
    await syncFolder(layout.instances);
    return manifest;
  } catch (thrown) {
    await clearSite(site);
    throw thrown;
  }
}

const draftPrefix = (id: string) => `.new-${id}-`;

/** Takes away what killed creations of an instance left. */
export async function clearDrafts(layout: Layout, id: string): Promise<void> {
  const names = await readdir(layout.instances).catch(() => []);
  for (const name of names) if (name.startsWith(draftPrefix(id))) await clearSite(join(layout.instances, name));
}

/** Takes a never finished instance away: first out of reach, then for good. */
async function undo(context: Context, place: Place): Promise<void> {
  await stopServer(context, place, place.folder, "immediate");
  await closedFolder(context.layout.retired);
  const grave = join(context.layout.retired, `.undone-${process.pid}-${context.now()}`);
  await rename(place.folder, grave);
  await removeTree(grave);
  await removeSocket(place);
}

const same = (a: Manifest, b: Manifest) => JSON.stringify(a) === JSON.stringify(b);

const described = [
  ...([
    "units",
    "minUnits",
    "replicas",
    "synchronous",
    "allowFrom",
    "storageBytes",
    "tags",
    "intent",
    "suspendAfterSeconds",
    "limits",
  ] as const),
];

function describe(before: Manifest, after: Manifest): string[] {
  return described
    .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .map((name) => `${name}: ${JSON.stringify(before[name])} to ${JSON.stringify(after[name])}`);
}
