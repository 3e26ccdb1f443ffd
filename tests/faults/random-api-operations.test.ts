import fc from "fast-check";
import { afterAll, beforeAll } from "vitest";
import { makeGitHub } from "../../platform/github/index.ts";
import { specHash } from "../../platform/spec/index.ts";
import { putRepository, recordApplied, recordStatus, recordWanted } from "../../platform/store/index.ts";
import { type TestForge, testForge } from "../harness/forge.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { declared, runs } from "../portal/deployed.ts";
import { startPortal, type TestPortal } from "../portal/harness.ts";
import { type Command, command, databases, emptyModel, run, specOf, type World } from "./api-model.ts";

const steps = 30;
const tenants = 320;
/** Runs at a time: each waits for the ledger most of its life. */
const lanes = 4;

let forge: TestForge;
let portal: TestPortal;
let commit: string;
beforeAll(async () => {
  forge = await testForge();
  const { bootstrap } = forge.forge;
  await bootstrap.ensureOrganisation({ login: "nebula" });
  await bootstrap.ensureUser({ login: "bot" });
  const seedFiles = new Map([["package.json", "{}\n"]]);
  for (let i = 0; i < tenants; i++) {
    seedFiles.set(
      `tenants/t${i}/tenant.ts`,
      'import { tenant } from "@nebuladb/platform";\n\nexport default tenant({});\n',
    );
    seedFiles.set(
      `tenants/t${i}/store/project.ts`,
      'import { project } from "@nebuladb/platform";\n\nexport default project();\n',
    );
  }
  const repository = { owner: "nebula", name: "tenants" };
  const seeded = await bootstrap.ensureRepository({ ...repository, seedFiles });
  commit = seeded.commit ?? "";
  const permissions = { contents: "write", pull_requests: "write", statuses: "write" } as const;
  const token = await bootstrap.makeToken({ login: "bot", owner: "nebula", permissions });
  const host = makeGitHub({ apiUrl: forge.apiUrl, repository, auth: { kind: "token", token } });
  portal = await startPortal({ hostOf: () => host, rules: "key=1000000,user=1000000,writes=1000000,failures=1000000" });
  await putRepository(portal.sql, {
    ...{ id: "repo_1", ...repository, defaultBranch: "main", apiUrl: forge.apiUrl, gitUrl: forge.url },
    ...{ appId: null, appKeySealed: null, installationId: null, hookSecretSealed: "-", botTokenSealed: "-" },
  });
}, 180_000);
afterAll(async () => {
  await portal.close();
  await forge.close();
});

let made = 0;

catalogueRow({
  suite: "faults",
  name: "random API operations against a model",
  promise: `${steps} random commands are answered as the model says, and never by a 5xx`,
  n: { small: 300, large: 300 },
  run: async ({ n, random, guarded }: RowInput): Promise<Trials> => {
    const violations: string[] = [];
    let trials = 0;
    const lane = async (numRuns: number, seed: number): Promise<void> => {
      const property = fc.asyncProperty(fc.array(command, { minLength: steps, maxLength: steps }), async (commands) => {
        trials++;
        const mismatches = await runOnce(commands, guarded);
        if (mismatches.length > 0) throw new Error(mismatches[0]);
      });
      // A failure is told as it was met: shrinking makes a tenant a try, and there are only so many.
      const { failed, errorInstance, counterexample } = await fc.check(property, { numRuns, seed, endOnFailure: true });
      if (failed) violations.push(`${String(errorInstance)} after ${JSON.stringify(counterexample)}`);
    };
    const share = Math.ceil(n / lanes);
    await Promise.all(
      Array.from({ length: guarded ? lanes : 1 }, () => lane(guarded ? share : n, random.int(0, 2 ** 30))),
    );
    for (const { kind, ...seen } of portal.observed) {
      if (kind === "fault") violations.push(`a fault: ${JSON.stringify(seen)}`);
      if (kind === "http.request" && "status" in seen && Number(seen.status) >= 500)
        violations.push(`a ${seen.status}: ${JSON.stringify(seen)}`);
    }
    portal.observed.length = 0;
    return { trials, violations, figures: { commands: trials * steps } };
  },
  control: { without: "the model's rule that a paused database is not paused again", n: 10 },
  // 45 s of processor time; a machine that does much else takes longer.
  timeoutMs: 180_000,
});

async function runOnce(commands: readonly Command[], faithful: boolean): Promise<readonly string[]> {
  const tenant = `t${made++ % tenants}`;
  await deploy(tenant);
  const [admin, viewer, stranger] = await Promise.all([
    portal.tokenFor("domain-admin", tenant),
    portal.tokenFor("viewer", tenant),
    portal.tokenFor("domain-admin", "elsewhere"),
  ]);
  const world: World = {
    sql: portal.sql,
    ...{ admin: portal.as(admin), viewer: portal.as(viewer), stranger: portal.as(stranger), as: portal.as },
    ...{ mismatches: [], faithful },
  };
  const model = emptyModel(tenant);
  for (const each of commands) {
    await run(each, model, world);
    if (world.mismatches.length > 0) break;
  }
  return world.mismatches;
}

async function deploy(tenant: string): Promise<void> {
  const stack = `${tenant}.store`;
  const { sql } = portal;
  const spec = specOf(
    tenant,
    databases.map((name) => declared(name)),
  );
  const hash = specHash(spec);
  const at = { tenant, project: "store", repository: "repo_1", commit, tree: hash, unsettled: false };
  await recordWanted(sql, { ...at, kind: "spec", spec, hash });
  await recordApplied(sql, stack, { commit, spec, hash });
  await recordStatus(sql, stack, { status: "Ready", reason: "Applied", message: "" });
  for (const each of spec.databases) await sql.tx((tx) => runs(tx, each, tenant));
}
