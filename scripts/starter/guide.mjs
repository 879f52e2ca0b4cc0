// docs/remove-what-you-dont-need.md, made from the manifest.
export const GUIDE = 'docs/remove-what-you-dont-need.md';

export function guide() {
  return '';
}
