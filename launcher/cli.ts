/** What `./nebula` becomes. */
import { exitCodeOf } from "./exit-codes.ts";
import { type Format, printFailure } from "./print.ts";
import { makeProgram } from "./program.ts";

const program = await makeProgram();
try {
  await program.parseAsync(process.argv.slice(2), { from: "user" });
} catch (thrown) {
  const isCommander = (thrown as { code?: string }).code?.startsWith("commander.");
  if (!isCommander) printFailure(thrown, program.opts<{ output: Format }>().output);
  process.exitCode = exitCodeOf(thrown);
}
