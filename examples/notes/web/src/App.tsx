// The sign-in, or the page that the address names.
import { useKeyward } from '@keyward/client/react';
import type { MouseEvent } from 'react';

import { ActButton } from './Act';
import { Admin } from './Admin';
import { keyward } from './auth';
import { Devices } from './Devices';
import { Notes } from './Notes';
import { Security } from './Security';
import { SignIn } from './SignIn';
import { StepUp } from './StepUp';
import { go, usePath } from './usePath';

const PAGES = { '/': Notes, '/security': Security, '/devices': Devices, '/admin': Admin };
const NAMES = { '/': 'Notes', '/security': 'Security', '/devices': 'Devices', '/admin': 'Admin' };
type Path = keyof typeof PAGES;

export function App() {
    const state = useKeyward(keyward);
    if (state.status === 'unknown') return null;
    if (state.status === 'signed-out') return <SignIn reason={state.reason} />;
    const { id, username, roles } = state.user;
    return <Frame key={id} name={username} isAdmin={roles.includes('admin')} />;
}

type Who = { name: string; isAdmin: boolean };

function Frame(who: Who) {
    const path = usePath();
    const Page = PAGES[path as Path] ?? Notes;
    return <>
        <Top {...who} path={path} />
        <main><Page /></main>
        <StepUp />
    </>;
}

function Top({ name, isAdmin, path }: Who & { path: string }) {
    const shown = (Object.keys(PAGES) as Path[]).filter((page) => page !== '/admin' || isAdmin);
    return <header><div>
        <span className="name"><img src="/icon.svg" alt="" />Notes</span>
        <nav aria-label="Pages">{shown.map((page) => <Link key={page} page={page} isHere={page === path} />)}</nav>
        <span className="soft">{name}</span>
        <ActButton className="quiet small" act={() => keyward.signOut()}>Sign out</ActButton>
    </div></header>;
}

function Link({ page, isHere }: { page: Path; isHere: boolean }) {
    const follow = (event: MouseEvent) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        go(page);
    };
    return <a href={page} aria-current={isHere ? 'page' : undefined} onClick={follow}>{NAMES[page]}</a>;
}
