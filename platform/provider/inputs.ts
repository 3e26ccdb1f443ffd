import { type BranchSpec, type DatabaseId, databaseId, isName } from "../spec/index.ts";
import type { DatabaseInputs } from "./effects.ts";
import { badInputs } from "./errors.ts";

/** With `port`, which states of an earlier release have. */
const outputNames = ["host", "port", "database", "owner", "credentialRef"];

/** The inputs of a database out of a resource's properties: outputs taken away, nulls that Pulumi dropped put back. */
export function toInputs(properties: Readonly<Record<string, unknown>>): DatabaseInputs {
  const own = Object.entries(properties).filter(([name]) => !outputNames.includes(name));
  const given = { passwordSecret: null, ...Object.fromEntries(own) } as DatabaseInputs;
  const inputs = given.branch === undefined ? given : { ...given, branch: withNulls(given.branch) };
  for (const part of ["tenant", "project", "name"] as const)
    if (typeof inputs[part] !== "string" || !isName(inputs[part])) throw badInputs(`${part} is not a name`);
  return inputs;
}

const withNulls = (branch: BranchSpec): BranchSpec => ({
  ...branch,
  at: branch.at ?? null,
  ttlSeconds: branch.ttlSeconds ?? null,
});

/** As Pulumi keeps them: nulls left out. */
export const toProperties = (inputs: DatabaseInputs): Record<string, unknown> => {
  const kept = Object.fromEntries(Object.entries(inputs).filter(([, value]) => value !== null));
  return inputs.branch === undefined ? kept : { ...kept, branch: withoutNulls(inputs.branch) };
};

const withoutNulls = (branch: BranchSpec): Record<string, unknown> =>
  Object.fromEntries(Object.entries(branch).filter(([, value]) => value !== null));

export const idOf = ({ tenant, project, name }: DatabaseInputs): DatabaseId => databaseId(tenant, project, name);

/** The part of the inputs that is the database's spec. */
export function specOf(inputs: DatabaseInputs) {
  const { tenant: _tenant, project: _project, placement: _placement, region: _region, ...spec } = inputs;
  return spec;
}
