import type { Secret } from "../core/index.ts";
import { sqlState, verifies } from "../sql/index.ts";
import { instanceDamaged } from "./errors.ts";
import { readFiles } from "./facts.ts";
import type { Manifest } from "./manifest.ts";
import { placeOf } from "./paths.ts";
import { findPostmaster } from "./postmaster.ts";
import { type Context, doorOf, showSettings } from "./running.ts";
import { deviationsOf } from "./setting-values.ts";
import { asAdmin, observeDatabase, type Seen } from "./sync.ts";
import type { InstanceInside, RoleInside } from "./types.ts";

/** A look inside a running server: two short connections of the administrator's, no statement that writes. */
export async function inspectInstance(
  context: Context,
  manifest: Manifest,
  passwords: ReadonlyMap<string, Secret>,
): Promise<InstanceInside | undefined> {
  const place = placeOf(context.layout, manifest.id);
  const running = await findPostmaster(place.pgdata);
  if (running?.ready !== true || running.frozen) return undefined;
  const door = doorOf(context, place, manifest, running);
  const { given } = await readFiles(place, manifest);
  const shown = await asAdmin(door, "postgres", (sql) => showSettings(sql, Object.keys(given)));
  const seen = await asAdmin(door, manifest.databaseName, (sql) => observeDatabase(sql, manifest.ownerRole)).catch(
    (thrown) => {
      if (sqlState(thrown) !== noSuchDatabase) throw thrown;
      throw instanceDamaged(`${manifest.id} runs, but its database ${manifest.databaseName} is gone`);
    },
  );
  const { owner, encoding, locale, publicMayConnect, groupsFollowOwner, versions } = seen;
  return {
    ...{ owner, encoding, locale, publicMayConnect, groupsFollowOwner },
    roles: await Promise.all(seen.roles.map((role) => toRole(role, passwords.get(role.name)))),
    extensions: Object.entries(versions)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, version]) => ({ name, version, given: manifest.extensionVersions?.[name] ?? null })),
    settings: deviationsOf(given, shown),
  };
}

const noSuchDatabase = "3D000";

async function toRole(
  { name, login, attributes, groups, verifier }: Seen["roles"][number],
  password: Secret | undefined,
): Promise<RoleInside> {
  const passwordValid = password === undefined ? null : await verifies(verifier, password);
  return { name, login, attributes, groups: [...groups].sort(), passwordValid };
}
