import { afterEach, expect, test, vi } from "vitest";
import { CommandFailure } from "../portal/cli/index.ts";
import { printFailure } from "./print.ts";
import { makeProgram } from "./program.ts";

afterEach(() => vi.restoreAllMocks());

function printed(thrown: unknown): string {
  const write = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  printFailure(thrown, "table");
  return write.mock.calls.map(([text]) => String(text)).join("");
}

test("a failure shows its code: the catalogue's, or the SQLSTATE of a statement", () => {
  const failed = new CommandFailure('ERROR: column "nope" does not exist', { code: "42703", hint: "Look again." });
  expect(printed(failed)).toBe('nebula: 42703 ERROR: column "nope" does not exist\n  Look again.\n');
});

test("what the operating system calls a failure is no code of ours", () => {
  expect(printed(Object.assign(new Error("no such file"), { code: "ENOENT" }))).toBe("nebula: no such file\n");
});

test("an option that is refused before anybody is asked has the code that the API has for it", async () => {
  const write = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  const program = await makeProgram();
  await expect(program.parseAsync(["db", "create", "x", "--min", "0.3"], { from: "user" })).rejects.toThrow();
  expect(write.mock.calls.map(([text]) => String(text)).join("")).toMatch(
    /^nebula: NEB601 option '--min <units>' .*multiples of 0\.25/,
  );
});
