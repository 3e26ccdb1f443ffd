/** What `./nebula` becomes. */
import { exitCodeOf } from "./exit-codes.ts";
import { type Format, printFailure } from "./print.ts";
import { makeProgram } from "./program.ts";

// Whoever reads our output may stop reading (`| head`): that is the end, not a fault.
process.stdout.on("error", (failure: NodeJS.ErrnoException) => {
  if (failure.code === "EPIPE") process.exit();
  throw failure;
});

const program = await makeProgram();
try {
  await program.parseAsync(process.argv.slice(2), { from: "user" });
} catch (thrown) {
  const isCommander = (thrown as { code?: string }).code?.startsWith("commander.");
  if (!isCommander) printFailure(thrown, program.opts<{ output: Format }>().output);
  process.exitCode = exitCodeOf(thrown);
}
