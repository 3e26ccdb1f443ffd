/**
 * What `pulumi up --stack <tenant>.<project>` runs, from a checkout of a tenant repository (Pulumi.yaml names it). Evaluates the
 * declarations of that project in the sandbox and registers the component that the reconciler registers, from the same spec.
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { getStack } from "@pulumi/pulumi";
import { Project } from "./components/index.ts";
import { badConfig, NebulaError } from "./core/index.ts";
import { type Evaluated, type FileSet, makeEvaluator } from "./evaluate/index.ts";
import type { ProjectSpec } from "./spec/index.ts";

/** The outputs of the stack: for each database where it is and which sealed credential opens it. */
export const databases = new Project(await declaredProject(getStack(), process.cwd())).databases;

async function declaredProject(stack: string, from: string): Promise<ProjectSpec> {
  const [tenant, project, ...rest] = stack.split(".");
  if (tenant === undefined || project === undefined || rest.length > 0)
    throw badConfig(`stack "${stack}" is not <tenant>.<project>: choose one with --stack`);
  const evaluator = makeEvaluator();
  try {
    return specOf(stack, await evaluator.project(readDeclarations(rootAbove(from)), tenant, project));
  } finally {
    await evaluator.close();
  }
}

/** @throws the first problem's code, with every problem and its place in the message. */
function specOf(stack: string, evaluated: Evaluated): ProjectSpec {
  if (evaluated.kind === "ok") return evaluated.spec;
  const lines = evaluated.problems.map(
    ({ file, line, column, code, message, hint }) => `${file}:${line}:${column} ${code} ${message}. ${hint}`,
  );
  const code = (evaluated.problems[0]?.code ?? "NEB100") as `NEB${number}`;
  const definition = { code, status: 422, title: "Declarations do not evaluate", retry: false, hint: "" };
  throw new NebulaError(definition, `the declarations of ${stack} do not evaluate:\n${lines.join("\n")}`);
}

/** Pulumi starts programs in the folder of Pulumi.yaml or of its main file. */
function rootAbove(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, "tenants"))) return at;
    if (dirname(at) === at) throw badConfig(`there is no tenants/ in ${folder} or above it`);
  }
}

function readDeclarations(root: string): FileSet {
  const paths = globSync(["tenants/**/*.ts", "tenants/*/*/*/migrations/*.sql"], { cwd: root });
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), "utf8")]));
}
