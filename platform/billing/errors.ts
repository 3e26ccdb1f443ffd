import { defineError } from "../core/index.ts";

export const monthOpen = defineError({
  code: "NEB540",
  status: 409,
  title: "Month is not over",
  retry: false,
  hint: "Hours of a month are final three days after its end (UTC); it is closed then. `nebula usage invoice` shows it as it stands.",
});

export const monthClosed = defineError({
  code: "NEB541",
  status: 409,
  title: "Month is closed",
  retry: false,
  hint: "Its invoice is not written again. `nebula invoice void NUMBER --reason ...` reverses it by a credit note and opens the month.",
});

export const noInvoice = defineError({
  code: "NEB542",
  status: 404,
  title: "No such invoice",
  retry: false,
  hint: "`nebula invoice list` shows the invoices that you may see, with their numbers.",
});

export const notReversible = defineError({
  code: "NEB543",
  status: 409,
  title: "Cannot be reversed",
  retry: false,
  hint: "An invoice is reversed once, by one credit note of the whole; a credit note never. Close the month again instead.",
});

export const paymentRefused = defineError({
  code: "NEB544",
  status: 409,
  title: "Payment does not fit the invoice",
  retry: false,
  hint: "An open invoice is paid once, with its whole total in its currency. Compare the reference, the amount and the number.",
});

export const nobodyToBill = defineError({
  code: "NEB545",
  status: 409,
  title: "Nothing to bill by",
  retry: false,
  hint: "A tenant is billed by the prices of the repository that declares it. Merge a valid tenants/fleet/ there, or connect it again.",
});

export const nothingToBill = defineError({
  code: "NEB547",
  status: 409,
  title: "Nothing to bill",
  retry: false,
  hint: "The tenant used nothing in that month that has a price, and its plan has no fee. No invoice is made of nothing.",
});

export const notFocus = defineError({
  code: "NEB546",
  status: 500,
  title: "Export breaks the rules of FOCUS",
  retry: false,
  hint: "Nothing was exported. The message names the rows; report it with the invoice's number.",
});
