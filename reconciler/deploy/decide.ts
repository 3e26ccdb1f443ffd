import type { ProblemDocument } from "../../platform/core/index.ts";
import { toProblem } from "../../platform/core/index.ts";
import { databaseId, type ProjectSpec, specHash } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { type Claim, getProjects, type Instance, listInstances, type ProjectRow } from "../../platform/store/index.ts";
import { type Plan, planProject } from "../plan/index.ts";
import { findObjection } from "./consent.ts";
import { projectUnknown } from "./errors.ts";

/** What a claimed DEPLOY or DESTROY comes to. A whole ProjectSpec, or nothing. */
export type Decision =
  | {
      readonly kind: "deploy";
      readonly spec: ProjectSpec;
      readonly hash: string;
      readonly commit: string | null;
      readonly plan: Plan;
      /** Instances that a killed creation left and nobody declares any more. */
      readonly leftovers: readonly string[];
    }
  | { readonly kind: "blocked"; readonly error: ProblemDocument }
  /** Another text is wanted by now, and its own operation follows. */
  | { readonly kind: "superseded" };

/**
 * Decides what to deploy, from what is wanted at this moment and what runs. Deleting takes consent that was deployed before: the
 * plan is made against what was applied, whoever applied it, and a blocked plan touches nothing. What nobody reviewed is not
 * applied either (`findObjection`).
 */
export async function decide(sql: Sql, { operation, stack }: Claim): Promise<Decision> {
  const [row] = await getProjects(sql, [stack]);
  const instances = await listInstances(sql, { stack });
  const wanted = operation.type === "DESTROY" ? emptied(stack, row) : wantedOf(row);
  if (wanted === undefined) {
    const error = toProblem(projectUnknown(`${stack} has no declaration that evaluates`), operation.id);
    return { kind: "blocked", error };
  }
  const hash = specHash(wanted);
  const asked = operation.params.hash;
  if (operation.type === "DEPLOY" && typeof asked === "string" && asked !== hash) return { kind: "superseded" };
  const running = runningSpec(row?.appliedSpec ?? null, wanted, instances);
  const plan = planProject(running, wanted);
  const [block] = plan.blocked;
  if (block !== undefined) return { kind: "blocked", error: toBlocked(block, plan, operation.id) };
  const objection = await findObjection(sql, { operation, row, running, wanted, hash, plan });
  if (objection !== undefined) return { kind: "blocked", error: objection };
  const commit = operation.commit ?? row?.wantedCommit ?? null;
  return { kind: "deploy", spec: wanted, hash, commit, plan, leftovers: leftoversOf(wanted, instances) };
}

const wantedOf = (row: ProjectRow | undefined) => row?.wantedSpec ?? undefined;

function emptied(stack: string, row: ProjectRow | undefined): ProjectSpec | undefined {
  const [tenant = "", project = ""] = stack.split(".");
  const base = row?.appliedSpec ?? row?.wantedSpec;
  return base === null || base === undefined ? undefined : { ...base, tenant, project, databases: [] };
}

/**
 * What runs, as a spec: the last complete deployment, corrected by what the provider did since - a deployment that stopped half-way,
 * a `pulumi up` elsewhere. null: nothing was ever deployed.
 */
export function runningSpec(
  applied: ProjectSpec | null,
  wanted: ProjectSpec,
  instances: readonly Pick<Instance, "database" | "phase" | "spec">[],
): ProjectSpec | null {
  // What belongs to a pull request stands in no file, and a commit does not delete it.
  const declared = instances.filter(({ spec }) => spec.branch?.pull === undefined);
  const live = declared.filter(({ phase }) => phase !== "Removed" && phase !== "Creating").map(({ spec }) => spec);
  if (applied === null && live.length === 0) return null;
  const known = new Set(instances.map(({ database }) => database));
  const unseen = (applied?.databases ?? []).filter(({ name }) => !known.has(name));
  const databases = [...live, ...unseen].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...(applied ?? wanted), databases };
}

function leftoversOf({ tenant, project, databases }: ProjectSpec, instances: readonly Instance[]): string[] {
  const declared = new Set(databases.map(({ name }) => databaseId(tenant, project, name) as string));
  return instances
    .filter(({ id, phase, spec }) => phase === "Creating" && spec.branch?.pull === undefined && !declared.has(id))
    .map(({ id }) => id);
}

function toBlocked(block: Plan["blocked"][number], plan: Plan, operation: string): ProblemDocument {
  const { code, message, hint, database } = block;
  return {
    type: `https://nebuladb.dev/errors/${code}`,
    title: "The plan is blocked",
    status: 409,
    detail: database === null ? message : `${database}: ${message}`,
    ...{ code, hint },
    instance: operation,
    blocked: plan.blocked,
  };
}
