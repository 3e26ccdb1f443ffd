import { defineError } from "../../platform/core/index.ts";

export const badDeclaration = defineError({
  code: "NEB640",
  status: 422,
  title: "The database cannot be declared like this",
  retry: false,
  hint: "Correct the options named in `problems`.",
});

export const alreadyDeclared = defineError({
  code: "NEB641",
  status: 409,
  title: "Already declared",
  retry: false,
  hint: "Choose another name, or change what is there.",
});

export const notDeclared = defineError({
  code: "NEB642",
  status: 404,
  title: "Not declared",
  retry: false,
  hint: "Check the spelling; only what stands on the default branch can be changed.",
});

export const unreadableFile = defineError({
  code: "NEB643",
  status: 409,
  title: "The file cannot be read",
  retry: false,
  hint: "Correct the file by git; an edit of a file with syntax errors would be a guess.",
});

export const computedValue = defineError({
  code: "NEB644",
  status: 409,
  title: "The value is computed by code",
  retry: false,
  hint: "Change the code at the place named, by git, or write the value down there; the portal only changes what is written.",
});

export const sharedValue = defineError({
  code: "NEB645",
  status: 409,
  title: "The value is used elsewhere too",
  retry: false,
  hint: "Give this database a value of its own, or change the constant by git for all who use it.",
});

export const notRetired = defineError({
  code: "NEB646",
  status: 409,
  title: "Not retired",
  retry: false,
  hint: "Retire the database and merge that first; its data is kept until the deletion is merged.",
});

export const sizeContradicts = defineError({
  code: "NEB647",
  status: 409,
  title: "A named size and compute units contradict each other",
  retry: false,
  hint: "Change `size`, or set `size` to null and give `compute` and `storage`; the named size sets both.",
});

export const importedElsewhere = defineError({
  code: "NEB648",
  status: 409,
  title: "Other files import it",
  retry: false,
  hint: "Move what they need into a shared/ folder by git, then delete the database.",
});

export const editFailed = defineError({
  code: "NEB649",
  status: 500,
  title: "The edit could not be verified",
  retry: false,
  hint: "Make the change by git and report this with the declaration's text: the edited file did not read back as asked.",
});
