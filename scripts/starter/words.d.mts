export function singularOf(name: string): string;
export function pluralOf(name: string): string;
export function renamed(text: string, names: { readonly one: string; readonly many: string }): string;
