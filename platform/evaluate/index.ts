/**
 * Declaration text to specs. Owns the sandbox, the layout of a repository, import rules, and the places of problems; does not
 * own what options mean (spec) nor whether a spec is allowed (policy) or what it changes (plan).
 *
 * 1. Tenant code runs only in QuickJS, in a context of its own for each file, in a child process with an empty environment
 *    that may not write, spawn or load native code. No host function, no clock, no chance.
 * 2. The result depends on the texts alone: the same files give the same spec, on every machine and in any order.
 * 3. Every problem comes back at once, with file, line, column, code and hint. A fault is thrown only when the child cannot
 *    be started.
 * 4. A program that hangs, exhausts or breaks the child costs its own project a coded problem and nobody else anything.
 * 5. A project depends on its folder and on what its tenant shares, and on nothing else: `projectInputs` is exact.
 */
export { migrationTwin } from "./errors.ts";
export { type Evaluator, type EvaluatorOptions, type FileSet, makeEvaluator } from "./evaluator.ts";
export {
  type Entry,
  type Inputs,
  type ProjectInputs,
  projectInputs,
  type RepositoryInputs,
  repositoryInputs,
} from "./inputs.ts";
export { mayImport, type Placed, pathProblems, placeOfPath } from "./layout.ts";
export type { Evaluated, EvaluatedFleet, EvaluatedTenant, Invalid } from "./protocol.ts";
export {
  type EvaluatedRepository,
  makeRepositoryEvaluator,
  type ReadBlobs,
  type RepositoryEvaluator,
} from "./repository.ts";
