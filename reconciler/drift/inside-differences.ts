import type { InstanceInside, RoleInside } from "../../platform/compute/index.ts";
import { type DatabaseId, type DatabaseSpec, objectNames } from "../../platform/spec/index.ts";
import type { DriftEffect } from "../../platform/store/index.ts";
import type { Difference, Observed } from "./drift-of.ts";
import { effectOfSetting } from "./setting-effect.ts";

const difference = (
  path: string,
  declared: unknown,
  observed: unknown,
  effect: DriftEffect = "in place",
): Difference => ({
  ...{ path, declared, observed, effect },
  inside: true,
});

/** What the server itself has otherwise. Pure; only roles and extensions that are declared, and the groups of ours. */
export function insideDifferences(
  id: DatabaseId,
  spec: DatabaseSpec,
  inside: NonNullable<Observed["inside"]>,
): Difference[] {
  if (inside === "refused") return [difference("administrator", "lets NebulaDB in", "refused", "by hand")];
  if (inside === "no database") return [difference("database", spec.name, null, "by hand")];
  const [tenant = "", project = ""] = id.split(".");
  const { ownerRole } = objectNames(tenant, project, spec.name);
  const roles = new Map(inside.roles.map((role) => [role.name, role]));
  return [
    ...(inside.owner === ownerRole ? [] : [difference("owner", ownerRole, inside.owner)]),
    ...(inside.encoding === "UTF8" ? [] : [difference("encoding", "UTF8", inside.encoding, "by hand")]),
    ...(inside.locale === "C.UTF-8" ? [] : [difference("locale", "C.UTF-8", inside.locale, "by hand")]),
    ...(inside.publicMayConnect ? [difference("access.public", "may not connect", "may connect")] : []),
    ...(inside.groupsFollowOwner ? [] : [difference("access.groups", "follow the owner", "lack privileges")]),
    ...groupNames.flatMap((name) => groupDifferences(name, roles.get(name))),
    ...roleDifferences({ name: ownerRole, login: true, access: "owner" }, roles.get(ownerRole)),
    ...spec.roles.flatMap((role) => roleDifferences(role, roles.get(role.name))),
    ...extensionDifferences(spec, inside),
    ...inside.settings.map(({ name, given, found }) =>
      difference(`settings.${name}`, given, found, effectOfSetting(name)),
    ),
  ];
}

const groupNames = ["nebula_read", "nebula_write"] as const;

function groupDifferences(name: string, found: RoleInside | undefined): Difference[] {
  const path = `groups.${name.slice("nebula_".length)}`;
  if (found === undefined) return [difference(path, "present", null)];
  return [...(found.login ? [difference(`${path}.login`, false, true)] : []), ...powerDifferences(path, found)];
}

type Wanted = { readonly name: string; readonly login: boolean; readonly access: "owner" | "read" | "write" };

function roleDifferences({ name, login, access }: Wanted, found: RoleInside | undefined): Difference[] {
  const path = `roles.${name}`;
  if (found === undefined) return [difference(path, { login, access }, null)];
  const has = found.groups.filter((group) => (groupNames as readonly string[]).includes(group));
  const groups = access === "owner" ? [] : [`nebula_${access}`];
  return [
    ...(found.login === login ? [] : [difference(`${path}.login`, login, found.login)]),
    ...(has.join() === groups.join() ? [] : [difference(`${path}.access`, access, accessOf(has))]),
    ...(found.passwordValid === false ? [difference(`${path}.password`, "as given out", "another one")] : []),
    ...powerDifferences(path, found),
  ];
}

const accessOf = (groups: readonly string[]): string =>
  groups.length === 0 ? "none" : groups.map((group) => group.slice("nebula_".length)).join(" and ");

/** Attributes, and memberships of the roles that Postgres brings: files, programs, other sessions. */
function powerDifferences(path: string, { attributes, groups }: RoleInside): Difference[] {
  const powers = groups.filter((group) => group.startsWith("pg_"));
  return [
    ...(attributes.length === 0 ? [] : [difference(`${path}.attributes`, [], [...attributes].sort())]),
    ...(powers.length === 0 ? [] : [difference(`${path}.memberOf`, [], powers)]),
  ];
}

function extensionDifferences({ extensions }: DatabaseSpec, inside: InstanceInside): Difference[] {
  const installed = new Map(inside.extensions.map((one) => [one.name, one]));
  return extensions.flatMap((name) => {
    const found = installed.get(name);
    if (found === undefined) return [difference(`extensions.${name}`, "installed", null)];
    return found.given === null || found.given === found.version
      ? []
      : [difference(`extensions.${name}.version`, found.given, found.version)];
  });
}
