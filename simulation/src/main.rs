//! Runs seeds.
use meshwork_simulation::run::Run;
use meshwork_simulation::scenario::{SCENARIOS,Scenario};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args[1] == "all" {
        for seed in args[2].parse().unwrap()..args[3].parse().unwrap() {
            for scenario in SCENARIOS {
                let t = std::time::Instant::now();
                let v = Run { scenario, seed, traced: false }.run();
                println!("{seed} {} {} violations {:?}", scenario.name, v.violations.len(), t.elapsed());
                for x in v.violations.iter().take(3) { println!("    {x}"); }
            }
        }
        return;
    }
    let scenario = Scenario::find(&args[1]).unwrap();
    let seed = args[2].parse().unwrap();
    let traced = args.len() > 3;
    let v = Run { scenario, seed, traced }.run();
    for x in &v.violations { println!("{x}"); }
    println!("{}", v.tally);
    println!("{:016x}", v.hash);
}
