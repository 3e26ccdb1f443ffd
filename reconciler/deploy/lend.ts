import { backupPurposes } from "../../platform/backup/index.ts";
import { adminPurposes } from "../../platform/compute/index.ts";
import type { Vault, VaultLoan } from "../../platform/core/index.ts";
import type { TenantSecrets } from "../../platform/keys/index.ts";
import type { DatabaseId, DatabaseSpec } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { getInstance, statePurpose } from "../../platform/store/index.ts";
import type { Job } from "./messages.ts";

/** What a worker is given to know for one job: of this stack what it needs, of every other nothing. */
export type JobLoan = {
  readonly vault: VaultLoan;
  /** The tenant's own secrets that the job's databases name. */
  readonly secrets: Readonly<Record<string, string>>;
};

export type Lender = {
  /** Before any job: what a machine's template is made with. */
  readonly first: JobLoan;
  for(job: Job): Promise<JobLoan>;
};

type Parts = { readonly sql: Sql; readonly vault: Vault; readonly secrets: TenantSecrets };

/** A worker runs commands and a provider: it never has the master key, nor keys of other projects. */
export function makeLender({ sql, vault, secrets }: Parts): Lender {
  return {
    first: { vault: vault.lend({ scopes: [], derived: adminPurposes([]) }), secrets: {} },
    async for(job) {
      const [tenant = ""] = job.stack.split(".");
      const { ids, named } = await touched(sql, job);
      const values: Record<string, string> = {};
      for (const name of named) {
        const value = await secrets.get(tenant, name);
        if (value !== undefined) values[name] = value.reveal();
      }
      const loan = vault.lend({
        scopes: job.kind === "preview" ? [] : [`credential:${job.stack}`],
        derived: [
          ...adminPurposes(ids),
          ...(["preview", "import", "migrate"].includes(job.kind) ? [] : backupPurposes(ids)),
          ...(job.kind === "deploy" || job.kind === "preview" ? [statePurpose(tenant)] : []),
        ],
      });
      return { vault: loan, secrets: values };
    },
  };
}

type Touched = { readonly ids: readonly string[]; readonly named: ReadonlySet<string> };

async function touched(sql: Sql, job: Job): Promise<Touched> {
  if (job.kind === "preview") return { ids: [], named: new Set() };
  if (job.kind === "deploy") {
    const { databases } = job.spec;
    return { ids: databases.map(({ name }) => `${job.stack}.${name}`), named: secretsOf(databases) };
  }
  // A branch has its parent's data, a password of its own, and believes the tokens that its parent believes.
  if (job.kind === "branch") {
    const api = (await getInstance(sql, job.source as DatabaseId))?.spec.api;
    const named = secretsOf(api === undefined ? [] : [{ passwordSecret: null, api }]);
    return { ids: [job.database, job.source], named };
  }
  if (job.kind === "import" || job.kind === "migrate") return { ids: [job.database], named: new Set() };
  const ids = job.kind === "backup" ? [job.database] : job.databases;
  const known = await Promise.all(ids.map((id) => getInstance(sql, id as DatabaseId)));
  return { ids, named: secretsOf(known.flatMap((one) => (one === undefined ? [] : [one.spec]))) };
}

const secretsOf = (specs: readonly Pick<DatabaseSpec, "passwordSecret" | "api">[]): ReadonlySet<string> =>
  new Set(
    specs.flatMap(({ passwordSecret, api }) => [
      ...(passwordSecret === null ? [] : [passwordSecret]),
      ...[...(api?.jwt ?? []), ...(api?.webhooks ?? [])].flatMap(({ secret }) => secret ?? []),
    ]),
  );
