/**
 * What everybody may rely on in a Git host, embedded or real: one suite, spoken through Octokit and git, every answer judged
 * by GitHub's own description of its REST API. `FORGE_CONFORMANCE_TARGET` (JSON of a ForgeTarget) runs it against another host.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { forgeOperations } from "../../portal/forge/index.ts";
import type { TestForge } from "../harness/forge.ts";
import { apps } from "./forge/apps.ts";
import { embeddedTarget } from "./forge/embedded.ts";
import { git } from "./forge/git.ts";
import { gitData } from "./forge/git-data.ts";
import { hooks } from "./forge/hooks.ts";
import { makeJudge } from "./forge/openapi.ts";
import { pulls } from "./forge/pulls.ts";
import { realTarget } from "./forge/real.ts";
import { reports } from "./forge/reports.ts";
import { repositories } from "./forge/repositories.ts";
import { suiteTest } from "./forge/suite.ts";
import { type Bench, openBench } from "./forge/target.ts";

const real = realTarget(process.env);
let bench: Bench;
let embedded: TestForge | undefined;
const judge = makeJudge();

beforeAll(async () => {
  if (real !== undefined) {
    bench = openBench(real, judge);
    return;
  }
  const { forge, target } = await embeddedTarget();
  embedded = forge;
  bench = openBench(target, judge);
});
afterAll(() => embedded?.close());

describe(`the forge port: ${real?.name ?? "embedded"}`, () => {
  const suite = suiteTest(() => bench, real?.cannot ?? {});
  repositories(suite);
  gitData(suite);
  pulls(suite);
  reports(suite);
  apps(suite);
  hooks(suite);
  git(suite);

  test("every answer was one that GitHub documents", () => {
    expect([...new Set(bench.findings)]).toEqual([]);
  });
});

describe("the embedded forge", () => {
  test("offers nothing that GitHub does not", () => {
    const unknown = forgeOperations.filter(({ method, path }) => judge.findOperation(method, path) === undefined);
    expect(unknown).toEqual([]);
  });

  test.skipIf(real !== undefined)("has no operation that this suite does not judge", () => {
    const unjudged = forgeOperations
      .map(({ method, path }) => `${method} ${path.replaceAll(/\{[^}]+\}/g, "{}")}`)
      .filter((operation) => !bench.judged.has(operation));
    expect(unjudged).toEqual([]);
  });

  test.skipIf(real !== undefined)("reported no fault while the suite ran", () => {
    expect(embedded?.faults).toEqual([]);
  });
});
