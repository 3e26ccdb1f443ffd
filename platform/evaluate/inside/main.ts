/*
 * The evaluator's child: answers one job after the other. It runs with an empty environment and without the right to write,
 * spawn or load native code, so that even a program that left the sandbox would find nothing to take and no way out.
 */
import { orderProblems } from "../errors.ts";
import type { Placed } from "../layout.ts";
import type { Answer, FromChild, Job, ToChild } from "../protocol.ts";
import { evaluateProject } from "./evaluate-project.ts";
import { evaluateFleet, evaluateTenant } from "./evaluate-scopes.ts";
import { makeSandbox } from "./sandbox.ts";
import { readBuiltIn } from "./vocabulary.ts";
import type { Workspace } from "./workspace.ts";

const builtIn = readBuiltIn();
const sandbox = makeSandbox();

async function answer(job: Job): Promise<{ answer: Answer; last: boolean }> {
  const workspace: Workspace = {
    files: new Map(job.files),
    home: homeOf(job),
    builtIn,
    sandbox,
    memoryBytes: job.memoryBytes,
    deadline: performance.now() + job.timeMs,
    stripped: new Map(),
    onRun: (file) => void send({ kind: "running", file }),
    problems: [],
    broken: false,
  };
  const found = await evaluate(workspace, job);
  const problems = orderProblems(workspace.problems);
  return { answer: found === undefined ? { kind: "invalid", problems } : found, last: workspace.broken };
}

async function evaluate(workspace: Workspace, job: Job): Promise<Answer | undefined> {
  switch (job.kind) {
    case "project": {
      const result = await evaluateProject(workspace, job.tenant, job.project);
      return result && { kind: "ok", ...result };
    }
    case "tenant": {
      const spec = await evaluateTenant(workspace, job.tenant);
      return spec && { kind: "ok", spec };
    }
    case "fleet": {
      const spec = await evaluateFleet(workspace);
      return spec && { kind: "ok", spec };
    }
  }
}

function homeOf(job: Job): Placed {
  switch (job.kind) {
    case "project":
      return { scope: "project", tenant: job.tenant, project: job.project, declares: true };
    case "tenant":
      return { scope: "tenant", tenant: job.tenant };
    case "fleet":
      return { scope: "fleet" };
  }
}

const send = (message: FromChild): Promise<void> =>
  new Promise((done) => process.send?.(message, undefined, undefined, () => done()));

process.on("message", async ({ id, job }: ToChild) => {
  const { answer: result, last } = await answer(job);
  await send({ kind: "answer", id, answer: result, last });
  if (last) process.exit(0);
});
process.on("disconnect", () => process.exit(0));
void send({ kind: "ready" });
