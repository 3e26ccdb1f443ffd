import { z } from "zod";
import { authorityAtBase, narrowQuota, quotaUse } from "../../platform/policy/index.ts";
import {
  type Ages,
  placements,
  projectOptions,
  type Quota,
  resolveProject,
  withoutOver,
} from "../../platform/spec/index.ts";
import {
  branchAges,
  type FleetRow,
  getFleet,
  getProject,
  getRepository,
  listProjects,
  listRepositories,
  type ProjectFilter,
  type ProjectRow,
  type ProjectView,
} from "../../platform/store/index.ts";
import type { OptionsPatch } from "../edit/index.ts";
import { notFound, optionProblems } from "./errors.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "./page.ts";
import type { Portal } from "./portal.ts";
import { propose, readBase } from "./propose.ts";
import { demand, narrowTo } from "./reach.ts";
import { json, route } from "./route.ts";
import { change, name, named, timestamp } from "./schemas.ts";
import { time } from "./wire.ts";

export const quota = named(
  "Quota",
  "What a project may use. One compute unit is 1 vCPU and 2 GiB; its maximum counts.",
  z.strictObject({
    cpuUnits: z.number(),
    memoryBytes: z.int(),
    storageBytes: z.int(),
    databases: z.int(),
  }),
);

const declarationProblem = named(
  "DeclarationProblem",
  "One thing wrong with a declaration, and where it stands.",
  z.strictObject({
    file: z.string(),
    line: z.int(),
    column: z.int(),
    code: z.string(),
    message: z.string(),
    hint: z.string(),
  }),
);

export const projectStatus = {
  status: z.enum(["Ready", "Reconciling", "Stalled"]),
  reason: z.string().describe("One word for machines."),
  message: z.string(),
  wantedCommit: z.string(),
  appliedCommit: z.string().nullable(),
  upToDate: z.boolean().describe("What Git wants is what runs."),
  problems: z.array(declarationProblem).describe("Why the newest text is not in force."),
  updatedAt: timestamp,
};

const projectSchema = named(
  "Project",
  "The unit of deployment, quota and placement.",
  z.strictObject({
    domain: z.string(),
    name: z.string(),
    placement: z.enum(placements).nullable().describe("null until it evaluates once."),
    region: z.string().nullable(),
    databases: z.array(z.string()),
    quota: z
      .strictObject({ limit: quota, used: quota })
      .nullable()
      .describe("null until the project and the fleet have evaluated once."),
    ...projectStatus,
  }),
);

const params = z.strictObject({ domain: name, project: name });

export const projectRoutes = [
  route({
    method: "get",
    path: "/api/v1/projects",
    operationId: "projects.list",
    scope: "projects:read",
    target: "own",
    summary: "Projects inside your reach",
    query: z.strictObject({
      ...pageQuery,
      domain: name.optional(),
      status: z.enum(["Ready", "Reconciling", "Stalled"]).optional(),
    }),
    replies: { 200: json("A page of projects", pageOf(projectSchema)) },
  }).handle(async ({ principal, query }, portal) => {
    const rows = await listStalled(portal, {
      within: narrowTo(principal, "projects:read", query),
      status: query.status ?? null,
      afterStack: fromCursor("projects", query.cursor, z.string()),
      limit: query.limit + 1,
    });
    const stacks = rows.map(({ stack }) => stack);
    const [fleets, ages] = await Promise.all([fleetsOf(portal, rows), branchAges(portal.sql, stacks)]);
    const toWire = (row: ProjectRow) => projectToWire(row, fleets.get(row.repository), ages.get(row.stack));
    return { status: 200, body: toPage("projects", rows, query.limit, (row) => row.stack, toWire) };
  }),

  route({
    method: "get",
    path: "/api/v1/projects/{domain}/{project}",
    operationId: "projects.show",
    scope: "projects:read",
    target: ({ domain, project }) => ({ tenant: domain, project }),
    summary: "One project: where it runs, what it may use, how it is",
    params,
    replies: { 200: json("The project", projectSchema) },
  }).handle(async ({ params: { domain, project } }, portal) => {
    const row = await findProject(portal, domain, project);
    const [fleet, ages] = await Promise.all([
      getFleet(portal.sql, row.repository),
      branchAges(portal.sql, [row.stack]),
    ]);
    return { status: 200, body: projectToWire(row, fleet, ages.get(row.stack)) };
  }),

  route({
    method: "post",
    path: "/api/v1/projects",
    operationId: "projects.create",
    scope: "projects:write",
    target: "own",
    summary: "Open a pull request that adds a project to a tenant",
    body: z.looseObject({ domain: name, name, autoMerge: z.boolean().optional() }),
    bodyDocument: named(
      "NewProject",
      "A project as it is declared. Without a quota it gets what the tenant's plan grants.",
      z.strictObject({ domain: name, name, ...projectOptions.shape, autoMerge: z.boolean().optional() }),
    ),
    replies: { 202: json("A pull request is open; nothing has changed yet", change, { Location: "The operation." }) },
  }).handle(async (call, portal) => {
    const { domain, name: project, autoMerge = false, ...options } = call.body;
    demand(call.principal, "projects:write", { tenant: domain, project });
    const resolved = resolveProject(domain, project, options, []);
    if (resolved.kind === "invalid") throw optionProblems(resolved.problems);
    const base = await readBase(portal, domain, project);
    const { createProject } = await import("../edit/index.ts");
    const { changes } = createProject(base.files, { tenant: domain, project, options: options as OptionsPatch });
    const answer = await propose(portal, call, base, {
      tenant: domain,
      project,
      database: null,
      step: "create",
      title: `Add project ${domain}/${project}`,
      why: `Declares the project ${domain}/${project}.`,
      autoMerge,
      changes,
    });
    return {
      status: 202,
      ...answer,
      trail: { ...answer.trail, tenant: domain, project, resource: `${domain}/${project}` },
    };
  }),
];

async function listStalled({ sql }: Portal, filter: ProjectFilter): Promise<readonly ProjectRow[]> {
  const [rows, repositories] = await Promise.all([listProjects(sql, filter), listRepositories(sql)]);
  return rows.map((row) =>
    withStall(
      row,
      repositories.find(({ id }) => id === row.repository),
    ),
  );
}

/** Nothing new is deployed from a stalled repository: its projects are stalled with it, whatever they were. */
export function withStall(row: ProjectRow, repository: ProjectView["stall"] | undefined): ProjectRow {
  if (repository === undefined || repository.stalledCode === null) return row;
  const { defaultBranch, stalledCode: code, stalledReason } = repository;
  const message = stalledReason ?? "";
  const where = { file: `refs/heads/${defaultBranch}`, line: 0, column: 0 };
  const problem = { ...where, code, message, hint: "A platform-admin lifts it: `nebula ops approve`, or by git." };
  return { ...row, status: "Stalled", reason: "RepositoryStalled", message, problems: [problem, ...row.problems] };
}

/** @throws NEB602 when the reconciler has not seen such a project. */
export async function findProject({ sql }: Portal, tenant: string, project: string): Promise<ProjectRow> {
  const row = await getProject(sql, `${tenant}.${project}`);
  if (row === undefined) throw notFound(`there is no project ${tenant}/${project} here`);
  return withStall(row, await getRepository(sql, row.repository));
}

async function fleetsOf({ sql }: Portal, rows: readonly ProjectRow[]): Promise<ReadonlyMap<string, FleetRow>> {
  const ids = [...new Set(rows.map((row) => row.repository))];
  const fleets = await Promise.all(ids.map((id) => getFleet(sql, id)));
  return new Map(fleets.flatMap((fleet) => (fleet === undefined ? [] : [[fleet.repository, fleet] as const])));
}

export const projectStatusToWire = (row: ProjectRow) => ({
  status: row.status,
  reason: row.reason,
  message: row.message,
  wantedCommit: row.wantedCommit,
  appliedCommit: row.appliedCommit,
  upToDate: row.wantedHash !== null && row.wantedHash === row.appliedHash && row.problems.length === 0,
  problems: row.problems.map(({ file, line, column, code, message, hint }) => ({
    file,
    line,
    column,
    code,
    message,
    hint,
  })),
  updatedAt: time(row.updatedAt),
});

function projectToWire(row: ProjectRow, fleet: FleetRow | undefined, ages: Ages = new Map()) {
  const spec = row.wantedSpec;
  return {
    domain: row.tenant,
    name: row.project,
    placement: spec?.placement ?? null,
    region: spec?.region ?? null,
    databases: (spec?.databases ?? []).map((database) => database.name),
    quota:
      spec === null || fleet === undefined
        ? null
        : { limit: narrowQuota(grantedTo(row.tenant, fleet), spec.quota), used: quotaUse(withoutOver(spec, ages)) },
    ...projectStatusToWire(row),
  };
}

function grantedTo(tenant: string, fleet: FleetRow): Quota {
  return authorityAtBase({
    baseCommit: fleet.commit,
    baseFleet: fleet.fleet,
    baseTenant: fleet.tenants.find((each) => each.tenant === tenant) ?? null,
  }).granted;
}
