import { CustomResource, type CustomResourceOptions, type Output } from "@pulumi/pulumi";
import type { DatabaseSpec, ProjectSpec } from "../spec/index.ts";

/** Everything the provider needs to know about one database: its place, and its spec with every default filled. Plain values. */
export type DatabaseInputs = Pick<ProjectSpec, "tenant" | "project" | "placement" | "region"> & DatabaseSpec;

/** What the provider answers beside the inputs. Never a secret: `credentialRef` names the sealed one in the ledger. */
export type DatabaseOutputs = {
  /** Where the gateway finds it, on its machine; clients are told the gateway. */
  readonly host: string;
  /** The SQL database and the role that owns it. */
  readonly database: string;
  readonly owner: string;
  readonly credentialRef: string;
};

/** One database of a project, made by the `nebula` provider. */
export class NebulaDatabase extends CustomResource {
  static readonly token = "nebula:index:Database";

  declare readonly host: Output<string>;
  declare readonly database: Output<string>;
  declare readonly owner: Output<string>;
  declare readonly credentialRef: Output<string>;

  constructor(name: string, inputs: DatabaseInputs, options?: CustomResourceOptions) {
    const outputs = {
      host: undefined,
      database: undefined,
      owner: undefined,
      credentialRef: undefined,
    };
    super(NebulaDatabase.token, name, { ...withoutNulls(inputs), ...outputs }, options);
  }
}

/** Pulumi drops nulls on the way to the provider and keeps them in the program's view; leaving them out is the same on both. */
const withoutNulls = ({ branch, ...inputs }: DatabaseInputs): Record<string, unknown> => ({
  ...bare(inputs),
  ...(branch === undefined ? {} : { branch: bare(branch) }),
});

const bare = (record: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null));
