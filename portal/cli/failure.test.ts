import { expect, test } from "vitest";
import { exitCodes, fromProblem } from "./failure.ts";

const field = (path: string, message: string) => ({ path, message });

test("each problem of a request is said once, with its option named once", () => {
  const storage = field("storage", 'storage: "500Mi" is less than 1Gi');
  const one = fromProblem(400, { detail: storage.message, code: "NEB600", errors: [storage] });
  expect(one.message).toBe(storage.message);
  expect(one.exitCode).toBe(exitCodes.usage);
  const role = field("roles.0.name", "roles[0].name is missing");
  const bare = field("query.limit", "must be a number");
  const three = fromProblem(400, { detail: `${storage.message} (and 2 more)`, errors: [storage, role, bare] });
  expect(three.message.split("\n")).toEqual([
    `${storage.message} (and 2 more)`,
    "  roles[0].name is missing",
    "  query.limit: must be a number",
  ]);
});

test("more than the quota is an ending of its own, by whatever command", () => {
  expect(fromProblem(422, { code: "NEB200" }).exitCode).toBe(exitCodes.quota);
  expect(fromProblem(409, { code: "NEB617" }).exitCode).toBe(exitCodes.conflict);
});
