import { z } from "zod";
import { deepFreeze } from "./canonical.ts";
import {
  conflictingOptions,
  duplicateName,
  previewUnknown,
  problem,
  type Resolved,
  type SpecProblem,
  wrongType,
} from "./errors.ts";
import { toProblems } from "./issues.ts";
import { nameProblem, shown } from "./names.ts";

import { type DatabaseSpec, memberRoles, type ProjectSpec, placements, type Quota, type TenantSpec } from "./types.ts";
import { size } from "./values.ts";
import { declaredWatch, watchFields, watchOptions, watchProblems } from "./watch.ts";

const tebi = 2 ** 40;

/** A quota as declared, in a plan or in `project.ts`. */
export const quotaOptions = z.strictObject({
  cpu: z.number().min(0.25).max(100_000).multipleOf(0.25),
  memory: size(2 ** 20, 1024 * tebi),
  storage: size(2 ** 20, 1024 * 1024 * tebi),
  databases: z.number().int().min(1).max(1_000),
});

export const toQuota = (quota: z.output<typeof quotaOptions>): Quota => ({
  cpuUnits: quota.cpu,
  memoryBytes: quota.memory,
  storageBytes: quota.storage,
  databases: quota.databases,
});

const regionPattern = /^[a-z][a-z0-9-]{0,62}$/;

export const projectOptions = z.strictObject({
  placement: z.enum(placements).optional(),
  region: z.string().regex(regionPattern).optional(),
  quota: quotaOptions.optional(),
  previewBranches: z.array(z.string()).max(100).optional(),
});

/** `project.ts` with the databases that its folder resolved to. */
export function resolveProject(
  tenant: string,
  project: string,
  options: unknown,
  databases: readonly DatabaseSpec[],
): Resolved<ProjectSpec> {
  const parsed = projectOptions.safeParse(options ?? {});
  const problems = [
    ...present(nameProblem("tenant", tenant, [])),
    ...present(nameProblem("project", project, [])),
    ...(parsed.success ? regionless(parsed.data) : toProblems(parsed.error.issues, options, knownProject)),
    ...(parsed.success ? unbranchable(parsed.data.previewBranches ?? [], databases) : []),
  ];
  const names = databases.map((spec) => spec.name);
  for (const twin of new Set(names.filter((name, index) => names.indexOf(name) < index)))
    problems.push(problem(duplicateName, [], `the database ${shown(twin)} is declared twice`));
  if (!parsed.success || problems.length > 0) return { kind: "invalid", problems };
  const { placement = "local", region = "local", quota, previewBranches = [] } = parsed.data;
  return {
    kind: "ok",
    spec: deepFreeze({
      tenant,
      project,
      placement,
      region,
      quota: quota === undefined ? null : toQuota(quota),
      databases: [...databases].sort((a, b) => (a.name < b.name ? -1 : 1)),
      ...(previewBranches.length === 0 ? {} : { previewBranches: [...new Set(previewBranches)].sort() }),
    }),
  };
}

function regionless({ placement, region }: z.output<typeof projectOptions>): SpecProblem[] {
  return placement !== undefined && placement !== "local" && region === undefined
    ? [problem(conflictingOptions, ["placement"], `the placement ${placement} needs a region`, "Add region.")]
    : [];
}

const unbranchable = (names: readonly string[], databases: readonly DatabaseSpec[]): SpecProblem[] =>
  names.flatMap((name, index) => {
    const found = databases.find((database) => database.name === name);
    if (found?.engine === "postgres" && found.branch === undefined && !found.retire) return [];
    const why = found === undefined ? "is not declared here" : "cannot be branched";
    return [problem(previewUnknown, ["previewBranches", index], `${shown(name)} ${why}`)];
  });

const knownProject = (path: readonly (string | number)[]): readonly string[] =>
  Object.keys(path[0] === "quota" ? quotaOptions.shape : projectOptions.shape);

/** Who a member is: an e-mail address, or an id at a provider. */
export const memberUser = /^[A-Za-z0-9._%+@-]{1,200}$/;
const user = z.string().regex(memberUser);

const member = z.strictObject({
  user,
  role: z.enum(memberRoles),
  projects: z.array(z.string()).optional(),
});

export const tenantOptions = z.strictObject({
  displayName: z.string().min(1).max(100),
  plan: z.string().optional(),
  members: z.array(member).max(10_000).optional(),
  ...watchOptions,
});

/** `tenant.ts`: who belongs to it, with which role, in which projects. */
export function resolveTenant(tenant: string, options: unknown): Resolved<TenantSpec> {
  const parsed = tenantOptions.safeParse(options ?? {});
  const problems = [
    ...present(nameProblem("tenant", tenant, [])),
    ...(parsed.success
      ? [...memberProblems(parsed.data), ...watchProblems(parsed.data)]
      : toProblems(parsed.error.issues, options, knownTenant)),
  ];
  if (!parsed.success || problems.length > 0) return { kind: "invalid", problems };
  const { displayName, plan = "standard", members = [] } = parsed.data;
  return {
    kind: "ok",
    spec: deepFreeze({
      tenant,
      displayName,
      plan,
      members: members
        .map(({ user, role, projects }) => ({
          user,
          role,
          projects: projects === undefined ? null : [...projects].sort(),
        }))
        .sort((a, b) => (a.user < b.user ? -1 : 1)),
      ...declaredWatch(parsed.data),
    }),
  };
}

function memberProblems({ plan, members = [] }: z.output<typeof tenantOptions>): SpecProblem[] {
  const users = members.map((one) => one.user.toLowerCase());
  return [
    ...(plan === undefined ? [] : present(nameProblem("plan", plan, ["plan"]))),
    ...members.flatMap((one, index) => [
      ...(users.indexOf(one.user.toLowerCase()) < index
        ? [problem(duplicateName, ["members", index, "user"], `${shown(one.user)} is listed twice`)]
        : []),
      ...(one.role === "domain-admin" && one.projects !== undefined
        ? [
            problem(
              wrongType,
              ["members", index, "projects"],
              "a domain-admin has every project",
              "Remove projects, or choose another role.",
            ),
          ]
        : []),
      ...(one.projects ?? []).flatMap((name, at) =>
        present(nameProblem("project", name, ["members", index, "projects", at])),
      ),
    ]),
  ];
}

function knownTenant([list]: readonly (string | number)[]): readonly string[] {
  if (list === "budgets" || list === "notify") return watchFields[list];
  return Object.keys(list === "members" ? member.shape : tenantOptions.shape);
}

export const present = <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]);
