import { CommandError } from "@pulumi/pulumi/automation/errors.js";
import type { PulumiOutcome } from "../messages.ts";

/** The one place that reads what Pulumi says. */

/** Whether the command itself ended badly, and not the SDK after it. */
export const commandFailed = (thrown: unknown): boolean => thrown instanceof CommandError;

/** The state was last written under another passphrase (a `pulumi up` elsewhere): its salt is of no use to us. */
export const wrongPassphrase = ({ ok, diagnostics }: PulumiOutcome): boolean =>
  !ok && diagnostics.some((text) => text.includes("incorrect passphrase"));
