// The names of the DOM that playwright-core's types use. TypeScript's own "dom" library would put a browser's fetch and streams in
// place of Node's, for all of the project.
interface Node {
  readonly nodeName: string;
}
interface HTMLElement extends Node {
  readonly tagName: string;
}
interface SVGElement extends Node {
  readonly tagName: string;
}
type HTMLElementTagNameMap = Record<string, HTMLElement>;
