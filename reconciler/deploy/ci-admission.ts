import { authorityAtBase, checkPolicy, checkQuota, quotaFindings } from "../../platform/policy/index.ts";
import { type DatabaseInputs, specOf } from "../../platform/provider/index.ts";
import { type ProjectSpec, withoutOver } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { appliedDatabases, branchAges, getFleet, getProjects } from "../../platform/store/index.ts";
import { effectNotAdmitted } from "./errors.ts";

/**
 * Holds one database of a `pulumi up` to what a merge is held to: the fleet's policies and the tenant's quota, as of the commit in
 * force, counting what already runs. Without a fleet in the ledger nothing is admitted.
 * @throws NEB308 with every finding.
 */
export async function mustBeAdmitted(sql: Sql, stack: string, inputs: DatabaseInputs): Promise<void> {
  const [row] = await getProjects(sql, [stack]);
  const fleet = row === undefined ? undefined : await getFleet(sql, row.repository);
  if (row === undefined || fleet === undefined)
    throw effectNotAdmitted(`${stack} is not a project of a repository that this installation serves`);
  const before = await appliedDatabases(sql, stack);
  const ages = (await branchAges(sql, [stack])).get(stack) ?? new Map<string, number>();
  const { tenant, project, placement, region, name } = inputs;
  const quota = row.wantedSpec?.quota ?? null;
  const specWith = (databases: ProjectSpec["databases"]): ProjectSpec => ({
    ...{ tenant, project, placement, region, quota },
    databases: [...databases].sort((a, b) => (a.name < b.name ? -1 : 1)),
  });
  const head = specWith([...before.filter((database) => database.name !== name), specOf(inputs)]);
  const running = before.length === 0 ? null : specWith(before);
  const authority = authorityAtBase({
    baseCommit: fleet.commit,
    baseFleet: fleet.fleet,
    baseTenant: fleet.tenants.find((one) => one.tenant === tenant) ?? null,
  });
  const findings = [
    ...checkPolicy(head, authority, running, []).filter(({ severity }) => severity === "error"),
    ...quotaFindings(
      checkQuota(withoutOver(head, ages), authority.granted, running === null ? null : withoutOver(running, ages)),
    ),
  ];
  if (findings.length > 0)
    throw effectNotAdmitted(findings.map(({ code, message }) => `${code} ${message}`).join("; "));
}
