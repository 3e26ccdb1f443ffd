import { resolveProject } from "../../platform/spec/index.ts";
import { vocabularyModule } from "../../platform/syntax/index.ts";
import { checkName, invalid } from "./database.ts";
import { alreadyDeclared, notDeclared } from "./errors.ts";
import { block } from "./render.ts";
import { styleOf } from "./style.ts";
import { type FileEdits, type FileSet, type OptionsPatch, type ProjectPlace, projectFolder } from "./types.ts";

/**
 * A new project: a folder with its project.ts, in the style of the tenant's.
 * @throws NEB640 for a name or options that do not resolve, NEB641 when it exists, NEB642 when the tenant does not.
 */
export function createProject(files: FileSet, wanted: ProjectPlace & { readonly options?: OptionsPatch }): FileEdits {
  const { tenant, project, options = {} } = wanted;
  const path = `${projectFolder(wanted)}/project.ts`;
  const tenantFile = `tenants/${tenant}/tenant.ts`;
  checkName("project", project);
  if (!files.has(tenantFile)) throw notDeclared(`there is no tenant ${tenant}: ${tenantFile} is missing`);
  if (files.has(path)) throw alreadyDeclared(`${tenant} has a project ${project} already`);
  const resolved = resolveProject(tenant, project, options, []);
  if (resolved.kind === "invalid") throw invalid(project, resolved.problems);
  const style = styleOf([files.get(tenantFile) ?? ""]);
  const { quote, eol, semicolon } = style;
  const argument = Object.keys(options).length === 0 ? "" : block(options, style);
  const content = [
    `import { project } from ${quote}${vocabularyModule}${quote}${semicolon}`,
    "",
    `export default project(${argument})${semicolon}`,
    "",
  ].join(eol);
  return { changes: [{ path, content }] };
}
