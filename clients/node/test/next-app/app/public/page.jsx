export default function Page() {
    return <p>for everybody</p>;
}
