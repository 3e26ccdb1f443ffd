import { expect, test } from "vitest";
import { CommandFailure, exitCodes, fromProblem } from "./failure.ts";

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
    "3 things do not fit:",
    `  ${storage.message}`,
    "  roles[0].name is missing",
    "  query.limit: must be a number",
  ]);
});

test("more than the quota is an ending of its own, by whatever command", () => {
  expect(fromProblem(422, { code: "NEB200" }).exitCode).toBe(exitCodes.quota);
  expect(fromProblem(409, { code: "NEB617" }).exitCode).toBe(exitCodes.conflict);
});

test("an option that does not fit comes with its code and its own advice, one or several", () => {
  const answer = { code: "NEB601", hint: "Correct the fields named in `errors`; /docs lists every field." };
  const size = { ...field("storage", 'storage: "5GB" is not a size'), code: "NEB112", hint: "Write a number and Gi." };
  const time = { ...field("ttl", 'ttl: "1w" is not a duration'), code: "NEB113", hint: "Write a number and d." };
  const one = fromProblem(422, { ...answer, detail: size.message, errors: [size] });
  expect([one.code, one.message, one.hint]).toEqual(["NEB601", `${size.message} (NEB112)`, size.hint]);
  const two = fromProblem(422, { ...answer, detail: `${size.message} (and 1 more)`, errors: [size, time] });
  expect(two.message.split("\n")).toEqual([
    "2 things do not fit:",
    `  ${size.message} (NEB112)`,
    `    ${size.hint}`,
    `  ${time.message} (NEB113)`,
    `    ${time.hint}`,
  ]);
  expect(two.hint).toBeUndefined();
  const plain = fromProblem(422, { ...answer, detail: "at: has not come", errors: [field("at", "has not come")] });
  expect(plain.message).toBe("at: has not come");
  expect(plain.hint).not.toMatch(/errors|docs/);
});

test("what a command refuses by itself has the code that the API has for it", () => {
  expect(new CommandFailure("no address", { exitCode: exitCodes.usage }).code).toBe("NEB601");
  expect(new CommandFailure("not there", { exitCode: exitCodes.notFound }).code).toBe("NEB602");
  expect(new CommandFailure("it broke").code).toBeUndefined();
  expect(fromProblem(404, { detail: "a page of somebody else's" }).code).toBeUndefined();
});
