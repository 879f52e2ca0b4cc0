export function stripTypes(source: string, file: string): string;
