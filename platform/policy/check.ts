import { isDeepStrictEqual } from "node:util";
import {
  type DatabaseSpec,
  formatDurationSeconds,
  type Placement,
  type Policies,
  type ProjectSpec,
  versionsOn,
} from "../spec/index.ts";
import type { Authority } from "./authority.ts";
import {
  dataApiNotAllowed,
  engineNotOffered,
  extensionNotAllowed,
  placementNotOffered,
  publicNetwork,
  retentionTooShort,
  tagMissing,
  tooManyUnits,
  topologyNotOffered,
} from "./errors.ts";
import { finding, type PolicyFinding } from "./findings.ts";
import { isPublicNetwork } from "./network.ts";
import { type Appeared, checkRemovals } from "./removal.ts";

/** Placements that run more than one member for a database. A standby is none: every placement may have those. */
const clustered: Readonly<Record<Placement, boolean>> = { local: false, kubernetes: true, aws: true };

/**
 * Everything about a project that the fleet forbids, all at once. Breaches that the base has too, in databases that the
 * change leaves alone, are warnings: a stricter policy does not stop unrelated work.
 * @param base the project at the commit that `authority` was read from; null when it is new there.
 * @param appeared databases that are new anywhere in the change (`databasesAppearing`), to tell a move from a deletion.
 */
export function checkPolicy(
  head: ProjectSpec,
  authority: Authority,
  base: ProjectSpec | null,
  appeared: readonly Appeared[] = [],
): PolicyFinding[] {
  const before = new Map((base?.databases ?? []).map((database) => [database.name, database]));
  const placed = base !== null && base.placement === head.placement && base.region === head.region;
  const found = head.databases.flatMap((database) => {
    const untouched = placed && isDeepStrictEqual(before.get(database.name), database);
    const all = [...checkOffer(database, head, authority), ...checkDatabase(database, authority.policies)];
    return untouched ? all.map((one) => ({ ...one, severity: "warn" as const })) : all;
  });
  return [...checkPlacement(head, authority), ...found, ...checkRemovals(base, head, appeared)];
}

/** What a database may be, whatever the placement. A retired one is stopped: nothing is asked of it. */
function checkDatabase(database: DatabaseSpec, policies: Policies): PolicyFinding[] {
  if (database.retire) return [];
  const { name, tags, extensions, compute, backups, allowFrom, branch } = database;
  const found: PolicyFinding[] = [];
  for (const tag of policies.requiredTags)
    if (!Object.hasOwn(tags, tag) || tags[tag] === "")
      found.push(
        finding(tagMissing, name, `${name} has no tag "${tag}"`, {
          hint: `Add tags: { ${JSON.stringify(tag)}: "..." }.`,
        }),
      );
  for (const extension of extensions)
    if (!policies.allowedExtensions.includes(extension))
      found.push(
        finding(
          extensionNotAllowed,
          name,
          `${name} wants extension ${extension}; allowed: ${policies.allowedExtensions.join(", ") || "none"}`,
        ),
      );
  if (compute.maxUnits > policies.maxUnitsPerDatabase)
    found.push(
      finding(
        tooManyUnits,
        name,
        `${name} asks for ${compute.maxUnits} units; a database may have ${policies.maxUnitsPerDatabase}`,
      ),
    );
  // A branch is a copy of what is backed up.
  if (branch === undefined && backups.retentionSeconds < policies.minBackupRetentionSeconds)
    found.push(
      finding(
        retentionTooShort,
        name,
        `${name} keeps backups ${formatDurationSeconds(backups.retentionSeconds)}; the least is ${formatDurationSeconds(policies.minBackupRetentionSeconds)}`,
      ),
    );
  found.push(...checkDataApi(database, policies));
  for (const block of policies.allowPublicNetwork ? [] : allowFrom.filter(isPublicNetwork))
    found.push(finding(publicNetwork, name, `${name} lets ${block} connect`));
  return found;
}

function checkDataApi({ name, api }: DatabaseSpec, { dataApi }: Policies): PolicyFinding[] {
  if (api === undefined || dataApi === undefined) return [];
  if (dataApi === "none") return [finding(dataApiNotAllowed, name, `${name} has a data API; no database may have one`)];
  return api.anonymous
    ? [finding(dataApiNotAllowed, name, `the data API of ${name} serves requests without a credential`)]
    : [];
}

function checkPlacement(project: ProjectSpec, { providers }: Authority): PolicyFinding[] {
  if (providersOf(project, providers).length > 0) return [];
  const offers = providers.map(({ placement, region }) => `${placement} in ${region}`);
  return [
    finding(
      placementNotOffered,
      null,
      `no provider offers the ${project.placement} placement in ${project.region}; offered: ${[...new Set(offers)].join(", ") || "nothing"}`,
    ),
  ];
}

function checkOffer(database: DatabaseSpec, project: ProjectSpec, { providers }: Authority): PolicyFinding[] {
  const found: PolicyFinding[] = [];
  const offered = providersOf(project, providers);
  const engines = [...new Set(offered.flatMap(({ engines }) => engines))];
  if (offered.length > 0 && !engines.includes(database.engine))
    found.push(
      finding(
        engineNotOffered,
        database.name,
        `${database.name}: this placement does not offer ${database.engine} yet`,
        {
          hint: `The ${project.placement} placement in ${project.region} offers ${engines.join(", ") || "no engine"}.`,
        },
      ),
    );
  const versions = versionsOn(project.placement, database.engine);
  if (engines.includes(database.engine) && !versions.includes(database.version))
    found.push(
      finding(
        engineNotOffered,
        database.name,
        `${database.name}: this placement does not offer ${database.engine} ${database.version} yet`,
        { hint: `The ${project.placement} placement offers ${database.engine} ${versions.join(", ")}.` },
      ),
    );
  const { instances, replicas } = database;
  if (!clustered[project.placement] && (instances > 1 || (replicas > 0 && database.engine !== "postgres")))
    found.push(
      finding(
        topologyNotOffered,
        database.name,
        `${database.name}: the ${project.placement} placement does not offer ${instances > 1 ? "instances" : `replicas of ${database.engine}`} yet`,
      ),
    );
  return found;
}

const providersOf = (project: ProjectSpec, providers: Authority["providers"]) =>
  providers.filter(({ placement, region }) => placement === project.placement && region === project.region);
