// What the pages use of packages that bring no types of their own.
declare module '*.css';

declare module 'react-dom/client' {
    export function createRoot(at: Element): { render(what: import('react').ReactNode): void };
}
