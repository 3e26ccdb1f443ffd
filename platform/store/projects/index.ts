export { hasUnsettledDeploy } from "./has-unsettled-deploy.ts";
export { type Exhausted, listExhausted } from "./list-exhausted.ts";
export type { ProjectRow, ProjectStatus } from "./project.ts";
export { type ProjectView, readProjectView } from "./read-project-view.ts";
export {
  countApplied,
  getProject,
  getProjects,
  listProjects,
  listProjectsAt,
  listWanted,
  type ProjectFilter,
} from "./read-projects.ts";
export { recordEnding } from "./record-ending.ts";
export { deleteProject, recordApplied, recordStatus, recordWanted, type Wanted } from "./write-projects.ts";
